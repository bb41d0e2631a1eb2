from argparse import ArgumentParser
from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from executions.grouping.cli import InvalidLine, standard_input, suggest, suggestion_lines


class Command(BaseCommand):
    help = (
        "Reads errors as JSON lines on standard input and prints clusters of those whose class is"
        " unknown, as rules to be named and checked by a person. Needs no database."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--top", type=int, default=50, help="How many clusters (default 50).")
        parser.add_argument(
            "--unruled",
            action="store_true",
            help="Also messages that have a class, but no rule of their own.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["top"] < 1:
            raise CommandError(f"--top is {options['top']}; it has to be 1 or more.")
        try:
            clusters = suggest(standard_input(), every_unruled=options["unruled"])
        except InvalidLine as error:
            raise CommandError(str(error)) from error
        for line in suggestion_lines(islice(clusters, options["top"])):
            self.stdout.write(line)
