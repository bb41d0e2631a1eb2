import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from observatory.doctor import configuration, copying, servers
from observatory.doctor.findings import Finding, Level, examine

EXAMINATIONS = (
    ("Versions", servers.versions),
    ("Migrations", servers.migrations),
    ("Row-level security", servers.isolation),
    ("Clocks", servers.clocks),
    ("Disk", servers.disk),
    ("Secrets", configuration.secrets),
    ("Settings", configuration.unsafe_settings),
    ("Queues", servers.queues),
    ("Timetable", servers.timetable),
    ("Environments", copying.environments),
    ("Rollups", copying.sums),
    ("Materialized views", copying.views),
    ("Retention", copying.retention),
)
MARKS = {Level.OK: "ok", Level.WARNING: "warning", Level.FAULT: "FAULT"}


class Command(BaseCommand):
    help = (
        "Looks at everything that Observatory needs and says what to do about what is not well."
        " Exits 1 where something cannot work."
    )
    # Faults of the database are findings here, not tracebacks.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="A JSON object a line.")

    def handle(self, *args: Any, **options: Any) -> None:
        found = examine(EXAMINATIONS)
        for finding in found:
            self.stdout.write(json.dumps(asdict(finding)) if options["json"] else _line(finding))
        if any(finding.level == Level.FAULT for finding in found):
            raise SystemExit(1)


def _line(finding: Finding) -> str:
    line = f"{MARKS[finding.level]:8} {finding.subject}: {finding.seen}"
    return f"{line}\n{'':8} → {finding.cure}" if finding.cure else line
