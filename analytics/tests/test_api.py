"""The answers as clients see them: their figures, their faults, and the queries they cost."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics.tests.counting import add_run, refresh_all
from analytics.tests.filling import run_workflows, see_all
from executions.models import Execution, Health
from executions.tests.factories import EnvironmentFactory, WorkflowFactory
from tenants.models import Role
from tenants.scope import operator_scope
from tenants.tests.factories import MembershipFactory

pytestmark = pytest.mark.django_db

# As pages do: session, user, memberships, and the two that bind the transaction to them.
WHO_ASKS = 5
TRANSACTION = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE SAVEPOINT")
ADDRESSES = {
    "overview": "observability/overview",
    "kpis": "observability/kpis",
    "workflows": "observability/workflows",
    "environments": "observability/environments",
    "status": "observability/status",
    "timeseries": "observability/timeseries",
    "stuck": "observability/stuck",
    "analytics": "analytics/executions",
    "metrics": "metrics",
}


@pytest.fixture
def member():
    with operator_scope():
        return MembershipFactory(role=Role.VIEWER)


@pytest.fixture
def environment(member):
    with operator_scope():
        return EnvironmentFactory(tenant=member.tenant, name="Prod", health=Health.REACHABLE)


@pytest.fixture
def ask(client, member):
    client.force_login(member.user)

    def ask(name, **chosen):
        return client.get(f"/api/v1/{ADDRESSES[name]}", chosen)

    return ask


def fill(environment, count=200, workflows=3, seed=0, days=20):
    with operator_scope():
        run_workflows(environment, count=count, workflows=workflows, seed=seed, days=days)
        refresh_all()


def test_no_runs_give_null_and_not_zero_per_cent(ask, environment):
    answer = ask("kpis").json()

    assert answer["total_executions"] == 0
    assert answer["success_rate"] is answer["p95_duration_ms"] is answer["as_of"] is None
    assert answer["sparkline_data"][5]["total_executions"] is None
    assert answer["delta_vs_previous"]["success_rate"]["is_meaningful"] is False
    assert answer["coverage"]["is_complete"] is False


def test_runs_that_have_not_ended_give_no_rate(ask, environment):
    with operator_scope():
        add_run(environment, timezone.now() - timedelta(hours=1), status="waiting")

    answer = ask("kpis").json()

    assert (answer["total_executions"], answer["success_rate"]) == (1, None)


@pytest.mark.parametrize(
    ("time_range", "points"), [("1h", 12), ("6h", 12), ("24h", 24), ("7d", 14), ("30d", 30)]
)
def test_each_named_range_has_its_points_and_the_lists_count(ask, environment, time_range, points):
    fill(environment)

    answer = ask("kpis", time_range=time_range).json()

    with operator_scope():
        listed = Execution.objects.filter(
            tenant=environment.tenant,
            occurred_at__gte=answer["counted"]["from"],
            occurred_at__lt=answer["counted"]["to"],
        )
        statuses = list(listed.values_list("normalized_status", flat=True))
    assert len(answer["sparkline_data"]) == points
    assert answer["total_executions"] == len(statuses)
    assert answer["failure_count"] == statuses.count("error")
    assert sum(answer["counts"].values()) == len(statuses)


def test_the_list_under_the_same_bounds_has_as_many_rows(ask, client, environment):
    fill(environment, count=120)

    answer = ask("kpis", **{"from": "now-9d", "mode": "webhook"}).json()
    listed = client.get(
        "/api/v1/executions",
        {
            "mode": "webhook",
            "limit": 250,
            "started_after": answer["counted"]["from"],
            "started_before": answer["counted"]["to"],
        },
    ).json()

    assert len(listed["results"]) == answer["total_executions"] > 0


def test_a_whole_coverage_makes_a_change_meaningful(ask, environment):
    fill(environment, count=600, days=60)
    see_all(environment)

    answer = ask("kpis", time_range="30d").json()

    assert answer["coverage"] == {"is_complete": True, "share": 1.0, "gaps": []}
    assert answer["delta_vs_previous"]["total_executions"]["is_meaningful"] is True


def test_a_small_sample_is_marked(ask, environment):
    fill(environment, count=10, days=40)
    see_all(environment)

    change = ask("kpis", time_range="7d").json()["delta_vs_previous"]["total_executions"]

    assert change["reason"] == "Fewer than 20 runs to compare."


def test_the_viewers_zone_cuts_the_days(ask, member, environment):
    member.user.time_zone = "Asia/Kathmandu"
    member.user.save()

    answer = ask("kpis", time_range="30d").json()

    assert answer["period"]["zone"] == "Asia/Kathmandu"
    assert answer["sparkline_data"][4]["from"].endswith("18:15:00Z")


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ({"time_range": "2h"}, "“2h” is not one of: 1h, 6h, 24h, 7d, 30d"),
        ({"timerange": "1h"}, "“timerange” is not a filter; there are: environment"),
        ({"from": "now", "to": "now-1h"}, "ends before it begins"),
        ({"from": "1926-01-01", "step": "5m"}, "out of range"),
        ({"from": "2017-01-01", "step": "5m"}, "more than 400 points"),
        ({"from": "now-1h", "time_range": "1h"}, "not both"),
        ({"step": "5m"}, "A step goes with from and to"),
        ({"zone": "Mars/Base"}, "“Mars/Base” is not a time zone"),
        ({"environment": "elsewhere"}, "not the id of one of your environments"),
        ({"to": "now"}, "Say where the range begins"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_question_is_answered_with_a_sentence(ask, environment, chosen, sentence):
    answer = ask("kpis", **chosen)

    assert answer.status_code == 400
    assert sentence in answer.json()["detail"]


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ({"sort": "colour"}, "“colour” is not one of: risk"),
        ({"limit": "0"}, "take a number from 1 to 250"),
        ({"cursor": "made-up"}, "not one of this table"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_order_of_the_table_is_answered_with_a_sentence(ask, chosen, sentence):
    answer = ask("workflows", **chosen)

    assert answer.status_code == 400
    assert sentence in answer.json()["detail"]


def test_the_table_leads_with_what_fails_most_surely(ask, environment):
    now = timezone.now()
    with operator_scope():
        WorkflowFactory(environment=environment, workflow_id="a", name="Sure", tags=["critical"])
        for number in range(30):
            at = now - timedelta(minutes=5 * number + 1)
            status = "error" if number % 3 == 0 else "success"
            add_run(environment, at, workflow_id="a", status=status, error_class="timeout")
            add_run(environment, at, workflow_id="b", workflow_name="Fine", status="success")
        add_run(environment, now - timedelta(hours=1), workflow_id="c", status="error")
        refresh_all()

    rows = ask("workflows").json()["results"]

    assert [row["workflow_id"] for row in rows][0] == "a"
    assert (rows[0]["workflow_name"], rows[0]["criticality"]) == ("Sure", 3.0)
    assert (rows[0]["total_executions"], rows[0]["failure_count"]) == (30, 10)
    assert rows[0]["main_error_class"] == "timeout"
    assert rows[0]["p50_duration_ms"] == pytest.approx(1000, rel=0.011)
    assert sum(point["failure_count"] for point in rows[0]["sparkline_data"]) == 10
    assert {row["workflow_name"] for row in rows} == {"Sure", "Fine", "Order sync"}


def test_the_table_has_pages_and_is_searched_and_sorted(ask, environment):
    fill(environment, count=90, workflows=5)

    first = ask("workflows", time_range="30d", sort="workflow_name", limit=3).json()
    second = ask(
        "workflows", time_range="30d", sort="workflow_name", limit=3, cursor=first["next_cursor"]
    ).json()

    names = [row["workflow_name"] for row in first["results"] + second["results"]]
    assert names == [f"Flow {number}" for number in range(5)]
    assert (first["total"], second["next_cursor"]) == (5, None)
    assert ask("workflows", q="flow 4").json()["total"] == 1
    slow = ask("workflows", time_range="30d", sort="-p95_duration_ms").json()["results"]
    durations = [row["p95_duration_ms"] for row in slow]
    assert durations == sorted(durations, reverse=True)


def test_a_workflow_that_did_not_run_is_in_the_table(ask, environment):
    with operator_scope():
        WorkflowFactory(environment=environment, name="Quiet", is_active=True)

    (row,) = ask("workflows").json()["results"]

    assert (row["workflow_name"], row["total_executions"]) == ("Quiet", 0)
    assert row["failure_rate"] is row["last_run_at"] is None


def test_an_environment_is_shown_with_verdict_and_numbers(ask, environment):
    fill(environment, count=100, days=6)
    see_all(environment)

    (row,) = ask("environments", time_range="7d").json()["results"]

    assert (row["environment_name"], row["verdict"]) == ("Prod", "reachable")
    assert (row["active_workflows"], row["all_workflows"]) == (2, 3)
    assert row["figures"]["total_executions"] == 100
    assert row["lag_seconds"] < 60
    assert [part["share"] for part in row["coverage_strip"]] == [1.0] * 14
    assert row["uptime"] is None


def test_status_names_the_worst_first_with_a_link(ask, environment):
    fill(environment, count=100, days=1)
    with operator_scope():
        environment.health, environment.health_reason = Health.KEY_REJECTED, "n8n answered 401."
        environment.save()

    answer = ask("status").json()

    first = answer["insights"][0]
    assert answer["verdict"] == "critical"
    assert first["sentence"] == "Prod: key rejected. n8n answered 401."
    assert first["link"].endswith(f"/environments/{environment.pk}")
    assert answer["sentence"].startswith("Prod: key rejected")
    ranks = [["critical", "warning", "info"].index(one["severity"]) for one in answer["insights"]]
    assert ranks == sorted(ranks)


def test_status_of_nothing_says_what_to_do(ask, member):
    answer = ask("status").json()

    assert (answer["verdict"], answer["sentence"]) == ("empty", "No n8n is connected yet.")
    assert answer["insights"][0]["link"].endswith("/environments")


def test_all_is_well_where_all_is_well(ask, environment):
    see_all(environment)
    with operator_scope():
        add_run(environment, timezone.now() - timedelta(hours=2), status="success")
        refresh_all()

    answer = ask("status").json()

    assert answer["verdict"] == "healthy"
    assert answer["sentence"] == (
        "All is well: 1 run, 100.0% of the ended ones succeeded in this period."
    )


def test_the_overview_says_what_its_parts_say(ask, environment):
    fill(environment, count=150, days=6)

    whole = ask("overview", time_range="7d").json()

    kpis = ask("kpis", time_range="7d").json()
    assert whole["kpis"]["total_executions"] == kpis["total_executions"] == 150
    assert sum(row["total_executions"] for row in whole["workflows"]["results"]) == 150
    assert whole["environments"]["results"][0]["figures"]["total_executions"] == 150
    assert whole["status"]["insights"]


def test_a_series_is_a_flat_list(ask, environment):
    fill(environment, count=50, days=1)

    rows = ask("timeseries", **{"from": "now-2d", "step": "1h"}).json()

    assert 47 <= len(rows) <= 49
    assert sum(row["total_executions"] or 0 for row in rows) == 50
    assert {"time", "failure_count", "p99_duration_ms"} <= set(rows[0])


def fixed_bounds():
    """The last day, with the same edges whenever it is asked for."""
    end = timezone.now()
    return {"from": (end - timedelta(days=1)).isoformat(), "to": end.isoformat(), "step": "3h"}


@pytest.mark.parametrize("split", ["environment", "workflow"])
def test_a_split_series_adds_up_to_the_whole(ask, member, environment, split):
    fill(environment, count=90, workflows=25, days=1)
    with operator_scope():
        other = EnvironmentFactory(tenant=member.tenant, name="Test")
    fill(other, count=30, seed=4, days=1)
    bounds = fixed_bounds()

    whole = ask("timeseries", **bounds).json()
    rows = ask("timeseries", **bounds, split=split).json()

    parts = {(row["environment"], row["workflow"]) for row in rows}
    expected = {("Prod", ""), ("Test", "")}
    assert parts == expected if split == "environment" else len(parts) == 21
    assert (("others", "others") in parts) == (split == "workflow")
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)
    for point in whole:
        here = [row for row in rows if row["time"] == point["time"]]
        assert len(here) == len(parts)
        for name in ("total_executions", "failure_count"):
            assert sum(row[name] or 0 for row in here) == (point[name] or 0)


def test_a_part_of_a_series_has_its_own_figures(ask, environment):
    fill(environment, count=60, workflows=2, days=1)

    bounds = fixed_bounds()

    split = ask("timeseries", **bounds, split="workflow", workflow="wf0").json()
    alone = ask("timeseries", **bounds, workflow="wf0").json()

    assert {row["workflow"] for row in split} == {"Flow 0"}
    for name in ("time", "success_count", "success_rate", "avg_duration_ms"):
        assert [row[name] for row in split] == [row[name] for row in alone]
    assert {row["p95_duration_ms"] for row in split} == {None}


def test_a_split_by_anything_else_is_refused(ask, environment):
    answer = ask("timeseries", split="mode")

    assert answer.status_code == 400
    assert "“mode” is not one of: environment, workflow." in answer.json()["detail"]


def test_analytics_of_all_time_and_of_a_period(ask, environment):
    fill(environment, count=80, days=20)

    ever = ask("analytics").json()
    recent = ask("analytics", time_range="7d").json()

    assert sum(row["total_count"] for row in ever["results"]) == 80
    assert ever["period"] is None
    assert [row["workflow_name"] for row in ever["results"]]
    assert 0 < sum(row["total_count"] for row in recent["results"]) < 80
    assert "mode goes with" in ask("analytics", mode="webhook").json()["detail"]
    assert ask("analytics", tag="none").json()["results"] == []


@pytest.mark.parametrize("name", [name for name in ADDRESSES if name != "stuck"])
def test_the_number_of_queries_does_not_grow_with_what_is_there(ask, member, environment, name):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert ask(name).status_code == 200
        asked = [one for one in captured if not one["sql"].startswith(TRANSACTION)]
        return len(asked) - WHO_ASKS

    fill(environment, count=60, days=1)
    few = queries()
    with operator_scope():
        other = EnvironmentFactory(tenant=member.tenant)
    fill(other, count=400, workflows=30, seed=5, days=2)

    assert queries() <= few
    assert few <= 10


def test_prometheus_reads_the_figures_of_each_environment(ask, environment):
    see_all(environment)
    with operator_scope():
        EnvironmentFactory(tenant=environment.tenant, name="Empty")
        for status in ("success", "success", "error", "waiting"):
            add_run(environment, timezone.now() - timedelta(hours=1), status=status)

    answer = ask("metrics")

    lines = answer.content.decode().splitlines()
    assert answer["Content-Type"].startswith("text/plain")
    assert 'observatory_executions{environment="Prod",status="error"} 1.0' in lines
    assert 'observatory_executions{environment="Prod",status="other"} 1.0' in lines
    assert 'observatory_environment_reachable{environment="Prod"} 1.0' in lines
    assert not [
        line for line in lines if line.startswith("observatory_success_rate{") and "Empty" in line
    ]


@pytest.mark.parametrize(
    ("role", "link", "said"),
    [
        (Role.VIEWER, "/environments", "an admin of this tenant can connect one"),
        (Role.ADMIN, "/environments/connect", "Connect your first n8n"),
    ],
)
def test_nobody_is_told_to_do_what_their_role_may_not(client, role, link, said):
    with operator_scope():
        member = MembershipFactory(role=role)
    client.force_login(member.user)

    insights = client.get("/api/v1/observability/status").json()["insights"]

    (first,) = [insight for insight in insights if insight["kind"] == "no_environment"]
    assert first["link"] == f"/t/{member.tenant.slug}{link}"
    assert said in first["sentence"]
