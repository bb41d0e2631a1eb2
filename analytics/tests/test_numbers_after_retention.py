"""What retention deletes changes no number that the API answers and pages draw.

Ranges begin on a full hour: in one that does not, the hour at its rim counts whole from then on,
and the answer says so (``counted``). What is read from single executions goes with them.
"""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from analytics.pruning import prune
from analytics.tests.counting import random_runs, refresh_all
from analytics.tests.failing import fail
from executions.tests.factories import EnvironmentFactory, WorkflowFactory
from tenants.scope import operator_scope, tenant_scope
from tenants.tests.factories import MembershipFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MESSAGES = ("connect ECONNREFUSED 10.0.0.1:5432", "Request failed with status code 429")
# They reach past the cutoff of seven days; one of them ends before it.
RANGES = (
    {"time_range": "30d"},
    {"from": "now-3w/w", "to": "now-1w/w"},
    {"from": "now-20d/d", "zone": "America/New_York"},
)
ASKED = (
    "observability/kpis",
    "observability/overview",
    "observability/workflows",
    "observability/environments",
    "observability/errors",
    "observability/timeseries",
    "analytics/executions",
)
# Examples and causes of single executions, and whether their durations are still known.
OF_EXECUTIONS = ("sample_messages", "main_error_class", "percentiles_are_exact")
# Of a percentile that is read from a histogram instead.
RELATIVE, ABSOLUTE = 0.015, 1.0
PERCENTILE = re.compile(r"/p\d\d_duration_ms")


@pytest.fixture(autouse=True)
def now():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def tenant():
    """Four weeks of two environments: runs of every status, mode and duration, and failures."""
    with operator_scope():
        first = EnvironmentFactory(tenant__retention_days=7, tenant__retention_min_kept=0)
        second = EnvironmentFactory(tenant=first.tenant)
    with tenant_scope(first.tenant_id):
        for seed, environment in enumerate((first, second)):
            WorkflowFactory(environment=environment, workflow_id="wf1", tags=["billing"])
            random_runs(environment, count=400, since=NOW - 28 * DAY, until=NOW, seed=seed)
            for hours in range(7, 650, 31):
                fail(environment, NOW - timedelta(hours=hours), MESSAGES[hours % 2])
        refresh_all()
        yield first.tenant


@pytest.fixture
def answers(client, tenant):
    """Everything that is asked, of every range and filter."""
    with operator_scope():
        client.force_login(MembershipFactory(tenant=tenant).user)

    def ask():
        return {
            (path, *query.items()): numbers(client.get(f"/api/v1/{path}", query))
            for path in ASKED
            for chosen in RANGES
            for query in (chosen, {**chosen, "tag": "billing"}, {**chosen, "mode": "webhook"})
        }

    return ask


def numbers(answer):
    assert answer.status_code == 200, answer.content
    return dict(leaves(answer.json()))


def leaves(value, place=""):
    """Every single value by its place."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, inner in items:
            if name not in OF_EXECUTIONS:
                yield from leaves(inner, f"{place}/{name}")
    else:
        yield place, value


def is_same(place, before, after):
    if PERCENTILE.search(place) and isinstance(before, float) and isinstance(after, float):
        return before == pytest.approx(after, rel=RELATIVE, abs=ABSOLUTE)
    return before == after


def test_every_number_stays(tenant, answers):
    before = answers()

    run = prune(tenant)

    after = answers()
    assert run.deleted > 500
    assert {asked: values.keys() for asked, values in after.items()} == {
        asked: values.keys() for asked, values in before.items()
    }
    assert [
        (asked, place, value, after[asked][place])
        for asked, values in before.items()
        for place, value in values.items()
        if not is_same(place, value, after[asked][place])
    ] == []
