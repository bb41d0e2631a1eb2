"""The figures of one tenant in Prometheus' text format: ``GET /api/v1/metrics``.

Labels are the environment and the status, so that their number is bounded by the environments.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC

from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from analytics.environment_health import EnvironmentRow, environment_rows
from analytics.periods import fixed_period
from analytics.questions import question_of
from analytics.selection import Selection
from executions.models import Environment, Health
from executions.states import states_of
from tenants.models import Tenant

PERIOD = "24h"


class TenantCollector(Collector):
    """The last 24 hours of a tenant's environments and how they stand."""

    def __init__(self, rows: Iterable[EnvironmentRow]) -> None:
        self.rows = list(rows)

    def collect(self) -> Iterator[Metric]:
        yield self._by_status()
        yield self._gauge(
            "observatory_success_rate",
            "Successes among the ended executions of the last 24 hours; absent where none ended.",
            ((row, row.figures.success_rate) for row in self.rows),
        )
        yield self._gauge(
            "observatory_duration_p95_seconds",
            "95th percentile of the durations of the last 24 hours.",
            ((row, _seconds(row.figures.p95_duration_ms)) for row in self.rows),
        )
        yield self._gauge(
            "observatory_sync_lag_seconds",
            "Since the last complete sync began.",
            ((row, row.lag_seconds) for row in self.rows),
        )
        yield self._gauge(
            "observatory_environment_reachable",
            "1 where n8n answers and the sync keeps up, else 0.",
            ((row, float(row.state.health == Health.REACHABLE)) for row in self.rows),
        )
        yield self._gauge(
            "observatory_coverage_ratio",
            "Share of the last 24 hours that was really listed, 0 to 1.",
            ((row, row.completeness.share) for row in self.rows),
        )

    def _by_status(self) -> Metric:
        found = GaugeMetricFamily(
            "observatory_executions",
            "Executions of the last 24 hours.",
            labels=("environment", "status"),
        )
        for row in self.rows:
            name, figures = row.state.environment.name, row.figures
            others = figures.total_executions - figures.success_count - figures.failure_count
            for status, count in (
                ("success", figures.success_count),
                ("error", figures.failure_count),
                ("other", others),
            ):
                found.add_metric((name, status), count)
        return found

    def _gauge(
        self, name: str, text: str, values: Iterable[tuple[EnvironmentRow, float | None]]
    ) -> Metric:
        found = GaugeMetricFamily(name, text, labels=("environment",))
        for row, value in values:
            if value is not None:
                found.add_metric((row.state.environment.name,), float(value))
        return found


def tenant_metrics(
    tenant: Tenant, selection: Selection, environments: Sequence[Environment]
) -> bytes:
    """The text for the selected environments, in a constant number of queries."""
    period = fixed_period(PERIOD, now=timezone.now(), zone=UTC)
    question = question_of(selection, period, environments)
    registry = CollectorRegistry()
    registry.register(TenantCollector(environment_rows(question, states_of(tenant, environments))))
    return generate_latest(registry)


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
