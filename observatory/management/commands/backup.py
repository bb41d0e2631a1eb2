from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from observatory.backup import BackupError, back_up


class Command(BaseCommand):
    help = (
        "Writes all that Observatory keeps into one file, while everything runs. Keep"
        " OBSERVATORY_ENCRYPTION_KEYS apart from it: without them the API keys in it are lost."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="A file that does not exist yet.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            size = back_up(options["file"])
        except BackupError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{options['file']}: {size:,} bytes")
