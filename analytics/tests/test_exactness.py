"""Counts equal the list's, whatever the data, the filter, the zone and the range."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.histograms import NONE_TIMED
from analytics.kpis import kpis_of
from analytics.measures import Measures, total_of
from analytics.periods import STEPS, Period, floor_hour
from analytics.pieces import pieces_of
from analytics.questions import question_of
from analytics.reading import read_buckets, read_histograms, read_workflows
from analytics.selection import Horizon, Selection
from analytics.tests.counting import MODES, STATUSES, mark_hours, random_runs, refresh_all
from executions.models import Execution
from executions.tests.factories import EnvironmentFactory, WorkflowFactory
from tenants.scope import operator_scope, tenant_scope

pytestmark = pytest.mark.django_db

# Two changes of the clocks lie in between.
SINCE, UNTIL = datetime(2026, 3, 26, 5, 17, tzinfo=UTC), datetime(2026, 4, 6, 20, 41, tzinfo=UTC)
ZONES = ["UTC", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "America/New_York"]


@pytest.fixture(scope="module")
def written(module_transaction):
    """Two environments with random runs, added up; some hours have changed since."""
    with operator_scope():
        first = EnvironmentFactory()
        second = EnvironmentFactory(tenant=first.tenant)
        foreign = EnvironmentFactory()
        random_runs(foreign, count=50, since=SINCE, until=UNTIL, seed=9)
    with tenant_scope(first.tenant_id):
        WorkflowFactory(environment=first, workflow_id="wf1", tags=["billing", "eu"])
        WorkflowFactory(environment=second, workflow_id="wf2", tags=["billing"])
        random_runs(first, count=500, since=SINCE, until=UNTIL, seed=1)
        random_runs(second, count=300, since=SINCE, until=UNTIL, seed=2)
        refresh_all()
        # Marked and not yet added up again: new rows, gone rows, rows that moved and changed.
        random_runs(first, count=60, since=SINCE, until=UNTIL, seed=3)
        moved = Execution.objects.for_tenant(first.tenant).order_by("n8n_execution_id")[:40]
        touched = {floor_hour(row.occurred_at) for row in moved}
        Execution.objects.filter(pk__in=[row.pk for row in moved[:10]]).delete()
        for number, row in enumerate(moved[10:]):
            Execution.objects.filter(pk=row.pk).update(
                normalized_status=STATUSES[number % 6], workflow_id="wf1", execution_time=number
            )
        for environment in (first, second):
            mark_hours(environment, touched)
    return first, second


@pytest.fixture
def tenant(written):
    with tenant_scope(written[0].tenant_id):
        yield written


@pytest.fixture
def rows(tenant):
    """What the list shows without a filter."""
    return list(Execution.objects.for_tenant(tenant[0].tenant))


TAGS = {(0, "wf1"): {"billing", "eu"}, (1, "wf2"): {"billing"}}


def narrowed(rows, tenant, chosen):
    """The rows that a list with this filter shows."""
    numbers = {environment.pk: number for number, environment in enumerate(tenant)}
    return [
        row
        for row in rows
        if numbers[row.environment_id] in (chosen["environments"] or (0, 1))
        and (not chosen["workflows"] or row.workflow_id in chosen["workflows"])
        and (not chosen["modes"] or row.mode in chosen["modes"])
        and (not chosen["tags"] or tags_of(numbers, row) & set(chosen["tags"]))
    ]


def tags_of(numbers, row):
    return TAGS.get((numbers[row.environment_id], row.workflow_id), set())


def within(rows, stretch):
    return [row for row in rows if stretch.start <= row.occurred_at < stretch.end]


def counts_of(rows):
    counts = dict.fromkeys(STATUSES, 0)
    for row in rows:
        counts[row.normalized_status] += 1
    return counts


selections = st.fixed_dictionaries(
    {
        "environments": st.sampled_from([(), (0,), (1,), (0, 1)]),
        "workflows": st.sampled_from([(), ("wf0",), ("wf1", "wf2"), ("none",)]),
        "tags": st.sampled_from([(), (), ("billing",), ("eu",)]),
        "modes": st.sampled_from([(), (), (MODES[0],), MODES[1:]]),
    }
)
ranges = st.tuples(
    st.datetimes(SINCE.replace(tzinfo=None), UNTIL.replace(tzinfo=None), timezones=st.just(UTC)),
    st.timedeltas(timedelta(minutes=1), timedelta(days=9)),
    st.sampled_from(ZONES).map(ZoneInfo),
)


def selection_of(tenant, chosen):
    numbers = chosen["environments"]
    return Selection(
        tenant_id=tenant[0].tenant_id,
        **{**chosen, "environments": tuple(tenant[number].pk for number in numbers)},
    )


def period_of(start, length, zone):
    step = next(size for size in STEPS.values() if length / size <= 58)
    return Period(start, start + length, zone, step)


relaxed = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@relaxed
@given(chosen=selections, when=ranges)
def test_every_figure_equals_the_list_under_the_same_filter(tenant, rows, chosen, when):
    period, listed = period_of(*when), narrowed(rows, tenant, chosen)

    found = kpis_of(question_of(selection_of(tenant, chosen), period, tenant))

    now = within(listed, period)
    timed = [row.execution_time for row in now if row.execution_time is not None]
    assert found.counts == counts_of(now)
    assert (found.figures.avg_duration_ms is None) == (not timed)
    if timed:
        assert abs(found.figures.avg_duration_ms - sum(timed) / len(timed)) <= 0.051
    assert found.deltas["total_executions"].previous == len(within(listed, period.previous()))
    for point in found.points:
        in_point = within(listed, point)
        assert point.figures.total_executions == len(in_point)
        assert point.figures.failure_count == counts_of(in_point)["error"]


@relaxed
@given(chosen=selections, when=ranges)
def test_workflows_add_up_to_the_list(tenant, rows, chosen, when):
    selection, period = selection_of(tenant, chosen), period_of(*when)
    buckets = list(enumerate(period.buckets()))

    found = read_workflows(selection, buckets)
    histograms = read_histograms(selection, buckets)

    expected = {}
    for row in within(narrowed(rows, tenant, chosen), period):
        expected.setdefault((row.environment_id, row.workflow_id), []).append(row)
    for key, by_bucket in found.items():
        whole = total_of(by_bucket.values())
        of_workflow = expected.pop(key, [])
        assert whole.counts() == counts_of(of_workflow)
        assert histograms.get(key, NONE_TIMED).total == whole.timed
        assert whole.timed == sum(row.execution_time is not None for row in of_workflow)
    assert expected == {}


def test_it_is_right_at_once_and_after_the_rollups_caught_up(tenant):
    selection = Selection(tenant_id=tenant[0].tenant_id)
    period = period_of(SINCE, UNTIL - SINCE, ZoneInfo("UTC"))

    behind = kpis_of(question_of(selection, period, tenant))
    refresh_all()
    after = kpis_of(question_of(selection, period, tenant))

    assert behind.figures == after.figures
    assert behind.points == after.points


def test_where_rows_are_gone_whole_hours_are_counted():
    horizon = Horizon(SINCE)
    period = period_of(SINCE - timedelta(hours=9), timedelta(hours=10), ZoneInfo("Asia/Kathmandu"))

    buckets = horizon.cut(period.buckets())

    rims = [piece for piece in pieces_of(list(enumerate(buckets))) if piece.grain == "rows"]
    assert all(piece.start >= floor_hour(SINCE) + timedelta(hours=1) for piece in rims)


def test_nothing_is_asked_of_rows_that_are_not_there(tenant):
    other = Selection(tenant_id=tenant[0].pk)

    found = read_buckets(other, [(0, period_of(SINCE, UNTIL - SINCE, UTC).buckets()[0])])

    assert found == {0: Measures()}
