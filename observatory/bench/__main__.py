"""Runs one bench on the servers of the environment; started by `manage.py bench` only."""

import argparse
import sys

import django
from django.core.management import call_command

django.setup()

# Models can be imported only now.
from observatory.bench.measuring import Options  # noqa: E402
from observatory.bench.registry import BENCHES  # noqa: E402


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=list(BENCHES))
    parser.add_argument("--rows", type=int, action="append")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    bench = BENCHES[given.name]
    if bench.begins_migrated:
        call_command("migrate", verbosity=0)
    sizes = tuple(sorted(set(given.rows or [bench.rows])))
    report = bench.measure(Options(sizes, with_peers=given.peers))
    sys.stdout.write(report.as_table() + "\n")
    if given.json:
        sys.stdout.write(report.as_json() + "\n")
    return 0 if report.holds else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
