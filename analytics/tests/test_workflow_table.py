"""The table of workflows: what SQL sorts and finds is what the rows themselves say."""

from datetime import timedelta

import pytest
from django.utils import timezone

from analytics.periods import fixed_period
from analytics.questions import question_of
from analytics.selection import Selection
from analytics.tests.counting import add_run, random_runs, refresh_all
from analytics.workflow_ranking import Order
from analytics.workflow_table import SORTS, workflow_table
from executions.models import Workflow
from executions.tests.factories import EnvironmentFactory, WorkflowFactory
from tenants.scope import operator_scope, tenant_scope

pytestmark = pytest.mark.django_db

UTC = timezone.get_default_timezone()
TAGS = (["Critical", "eu"], [], ["important"], ["unimportant", "odd"])


@pytest.fixture(scope="module")
def written(module_transaction):
    """Two with the same workflows, one of them silent, one never listed, one gone since."""
    now = timezone.now()
    with operator_scope():
        first = EnvironmentFactory(name="Élan")
        second = EnvironmentFactory(tenant=first.tenant, name="Staging")
    with tenant_scope(first.tenant_id):
        for number, environment in enumerate((first, second)):
            random_runs(
                environment,
                count=300,
                since=now - timedelta(days=9),
                until=now,
                seed=number,
                workflows=9,
            )
            for nth in range(10):
                WorkflowFactory(
                    environment=environment,
                    workflow_id=f"wf{nth}",
                    name=f"{'Ä' if nth % 2 else 'flow'} {nth}",
                    is_active=nth % 3 > 0,
                    tags=TAGS[nth % 4],
                )
        add_run(first, now - timedelta(hours=1), workflow_id="unlisted", workflow_name="Old")
        Workflow.objects.filter(workflow_id="wf4").update(gone_at=now)
        refresh_all()
    return first, second


@pytest.fixture
def environments(written):
    with tenant_scope(written[0].tenant_id):
        yield written


def table_of(environments, chosen=None, **order):
    question = question_of(
        Selection(environments[0].tenant_id, **(chosen or {})),
        fixed_period("7d", now=timezone.now(), zone=UTC),
        environments,
    )
    return workflow_table(question, Order(**order))


@pytest.mark.parametrize("is_ascending", [True, False])
@pytest.mark.parametrize("sort", SORTS)
def test_rows_stand_in_the_order_of_what_they_say(environments, sort, is_ascending):
    rows = table_of(environments, sort=sort, is_ascending=is_ascending).rows

    values = [getattr(row, sort) for row in rows if row.workflow_id != "unlisted"]
    known = [one.lower() if isinstance(one, str) else one for one in values if one is not None]
    assert known == sorted(known, reverse=not is_ascending)
    assert values[len(known) :] == [None] * (len(values) - len(known))
    assert len(rows) == len({row.key for row in rows}) == 21


@pytest.mark.parametrize("sort", ["risk", "p95_duration_ms"])
def test_pages_follow_each_other_without_a_gap(environments, sort):
    whole = table_of(environments, sort=sort)

    pages = [table_of(environments, sort=sort, offset=at, limit=8) for at in range(0, 24, 8)]

    assert [row.key for page in pages for row in page.rows] == [row.key for row in whole.rows]
    assert {page.total for page in pages} == {21}
    assert table_of(environments, sort=sort, offset=40).total == 21


@pytest.mark.parametrize(
    ("search", "found"),
    [
        pytest.param("ä 3", {"wf3"}, id="name"),
        pytest.param("WF7", {"wf7"}, id="id"),
        pytest.param("ODD", {"wf3", "wf7"}, id="tag"),
        pytest.param("100%", set(), id="no pattern"),
    ],
)
def test_a_search_looks_at_name_id_and_tags_whatever_the_case(environments, search, found):
    rows = table_of(environments, search=search).rows

    assert {row.workflow_id for row in rows} == found


def test_a_search_looks_at_the_environment(environments):
    rows = table_of(environments, search="éLAN").rows

    assert {row.environment_name for row in rows} == {"Élan"}


def test_what_is_shown_is_what_each_kind_means(environments):
    def shown(show):
        return table_of(environments, show=show).rows

    assert all(row.is_active for row in shown("active"))
    assert all(row.failure_count for row in shown("failing"))
    assert {row.workflow_id for row in shown("gone")} == {"unlisted", "wf4"}
    # It is active and never ran.
    assert not shown("silent")
    Workflow.objects.filter(workflow_id="wf9").update(is_active=True)
    assert {row.workflow_id for row in shown("silent")} == {"wf9"}


def test_of_a_mode_nobody_knows_what_never_ran_or_ran_before(environments):
    every, of_mode = table_of(environments), table_of(environments, {"modes": ("webhook",)})

    assert "wf9" in {row.workflow_id for row in every.rows}
    assert "wf9" not in {row.workflow_id for row in of_mode.rows}
    assert all(row.last_run_at for row in of_mode.rows)


def test_a_name_that_only_runs_remember_is_found(environments):
    (row,) = [one for one in table_of(environments).rows if one.workflow_id == "unlisted"]

    assert (row.workflow_name, row.is_gone, row.is_active) == ("Old", True, None)
