"""`manage.py test [pytest arguments]`; the servers come from observatory.stack.testing."""

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand

from observatory.bootstrap import PROJECT

BOTH_CORES = ("-n", "2", "--dist", "worksteal")


class Command(BaseCommand):
    help = "Runs the tests; all arguments are pytest's."
    requires_system_checks: list[str] = []

    def run_from_argv(self, argv: list[str]) -> None:
        """Django would take pytest's arguments for its own."""
        self.handle(arguments=argv[2:])

    def handle(self, *_: Any, arguments: list[str], **options: Any) -> None:
        os.chdir(PROJECT)
        parallel = () if chooses_processes(arguments) else BOTH_CORES
        os.execv(sys.executable, [sys.executable, "-m", "pytest", *parallel, *arguments])


def chooses_processes(arguments: list[str]) -> bool:
    """Whether the person said how many processes, or none at all (for a debugger)."""
    return any(
        argument.startswith(("-n", "--numprocesses", "--pdb", "--trace")) or "no:xdist" in argument
        for argument in arguments
    )
