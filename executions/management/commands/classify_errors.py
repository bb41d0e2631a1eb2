from typing import Any

from django.core.management.base import BaseCommand, CommandError

from executions.grouping.cli import InvalidLine, classify_lines, standard_input


class Command(BaseCommand):
    help = (
        'Reads JSON lines with "id", "message" and, where known, "description", "node_type" and'
        ' "http_code" on standard input; prints "id", "group" and "class" of each. Needs no'
        " database."
    )
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            for line in classify_lines(standard_input()):
                self.stdout.write(line)
        except InvalidLine as error:
            raise CommandError(str(error)) from error
