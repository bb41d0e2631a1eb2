from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.materialized import VIEWS, Refreshed, refresh_view


class Command(BaseCommand):
    help = (
        "Refreshes the materialized views here and now; a line for each, exits 1 where one failed."
        " Readers are not held up. Safe at any time: a view that is being refreshed is left alone."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--view", help=f"One of {', '.join(VIEWS)}; all of them if left out.")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = options["view"]
        if wanted and wanted not in VIEWS:
            raise CommandError(f"“{wanted}” is not one of: {', '.join(VIEWS)}.")
        results = [refresh_view(name) for name in ([wanted] if wanted else VIEWS)]
        for result in results:
            self.stdout.write(f"{result.name}: {_outcome(result)}")
        failed = sum(bool(result.error) for result in results)
        if failed:
            raise CommandError(
                f"{failed} {'view was' if failed == 1 else 'views were'} not refreshed."
            )


def _outcome(result: Refreshed) -> str:
    if result.error:
        return f"failed: {result.error}"
    if result.is_busy:
        return "is being refreshed by another process"
    return f"{result.rows:,} rows in {result.duration_ms:,} ms"
