"""How much memory answers take: `python -m observatory.bench.memory TENANT` prints it in MiB.

A process of its own, since ours has held all rows by the time that it asks.
"""

import subprocess
import sys
from datetime import UTC
from uuid import UUID

import django

django.setup()

# Models can be imported only now.
from django.utils import timezone  # noqa: E402

from analytics.overview import overview_of  # noqa: E402
from analytics.periods import FIXED, fixed_period  # noqa: E402
from analytics.questions import question_of  # noqa: E402
from analytics.selection import Selection  # noqa: E402
from executions.models import Environment  # noqa: E402
from observatory.bench.history import History  # noqa: E402
from observatory.bench.measuring import peak_memory_mib  # noqa: E402
from observatory.bench.report import Figure  # noqa: E402
from tenants.models import Tenant  # noqa: E402
from tenants.scope import operator_scope, tenant_scope  # noqa: E402

MOST_GROWTH_MIB = 10


def memory_figures(few: History, many: History) -> list[Figure]:
    small, large = memory_of(few.largest), memory_of(many.largest)
    return [
        Figure(f"memory at {few.shape.rows:,} rows", small, "MiB"),
        Figure(f"memory at {many.shape.rows:,} rows", large, "MiB"),
        Figure("memory beyond that", large - small, "MiB", at_most=MOST_GROWTH_MIB),
    ]


def memory_of(tenant: Tenant) -> float:
    command = [sys.executable, "-m", "observatory.bench.memory", str(tenant.pk)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(shown.stdout)


def main(tenant_id: UUID) -> None:
    with operator_scope():
        tenant = Tenant.objects.get(pk=tenant_id)
    for name in FIXED:
        with tenant_scope(tenant.pk):
            environments = list(Environment.objects.for_tenant(tenant))
            period = fixed_period(name, now=timezone.now(), zone=UTC)
            overview_of(tenant, question_of(Selection(tenant.pk), period, environments))
    sys.stdout.write(f"{peak_memory_mib():.1f}\n")


if __name__ == "__main__":
    main(UUID(sys.argv[1]))
