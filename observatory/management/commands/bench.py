"""`manage.py bench NAME`: measures one part of Observatory against its goals."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from observatory.bench.launch import run_bench
from observatory.bench.registry import BENCHES
from observatory.stack import StackError

FEWEST_ROWS = 250


def row_count(text: str) -> int:
    if text.isdecimal() and int(text) >= FEWEST_ROWS:
        return int(text)
    raise argparse.ArgumentTypeError(
        f"{text!r} is no number of rows; allowed are whole numbers from {FEWEST_ROWS}"
    )


class Command(BaseCommand):
    help = (
        "Measures one part against its goals, on servers and data of its own that are gone"
        " afterwards; exits 1 where a goal does not hold. Without a name it lists the benches."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", nargs="?", help="which bench; left out: a list of them")
        parser.add_argument(
            "--rows",
            type=row_count,
            action="append",
            help="how many rows to make; given twice, it also measures how time grows",
        )
        parser.add_argument(
            "--peers", action="store_true", help="also measures other engines on the same data"
        )
        parser.add_argument("--json", action="store_true", help="the last line is JSON")

    def handle(self, *_: Any, **options: Any) -> None:
        name = options["name"]
        if name is None:
            self._list()
            return
        if name not in BENCHES:
            raise CommandError(f"There is no bench “{name}”; there are: {', '.join(BENCHES)}.")
        sizes = options["rows"] or []
        if options["peers"] and not BENCHES[name].has_peers:
            raise CommandError(f"The bench “{name}” has no peers; leave --peers out.")
        if len(sizes) > 1 and not BENCHES[name].has_sizes:
            raise CommandError(f"The bench “{name}” takes one number of rows; give --rows once.")
        arguments = [name, *(part for rows in sizes for part in ("--rows", str(rows)))]
        arguments += [f"--{flag}" for flag in ("peers", "json") if options[flag]]
        try:
            status = run_bench(arguments)
        except StackError as fault:
            raise CommandError(str(fault)) from fault
        if status:
            raise SystemExit(status)

    def _list(self) -> None:
        for bench in BENCHES.values():
            self.stdout.write(f"{bench.name:10} {bench.rows:>10,} rows  {bench.about}")
