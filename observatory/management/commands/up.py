"""`manage.py up`: everything that Observatory needs, started for you, until Ctrl-C."""

import argparse
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from observatory.stack import StackError
from observatory.stack.launch import Options, up


def port_number(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= 65_535:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no port; allowed are numbers from 1 to 65535")


class Command(BaseCommand):
    help = "Starts PostgreSQL, Valkey, the web server, the worker and beat, and keeps them running."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=port_number, default=8000, help="default: 8000")
        parser.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1")
        contents = parser.add_mutually_exclusive_group()
        contents.add_argument(
            "--demo", action="store_true", help="also runs a stand-in n8n with two tenants"
        )
        contents.add_argument(
            "--servers-only",
            action="store_true",
            help="runs PostgreSQL and Valkey alone, so that restore has nobody beside it",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            up(
                Options(
                    host=options["host"],
                    port=options["port"],
                    is_demo=options["demo"],
                    is_debug=settings.DEBUG,
                    servers_only=options["servers_only"],
                )
            )
        except StackError as fault:
            self.stderr.write(str(fault))
            raise SystemExit(1) from fault
