"""The benches of questions: their data, their ways in small, and their figures."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.db import connection

from analytics.kpis import kpis_of
from analytics.periods import Bucket, fixed_period
from analytics.questions import question_of
from analytics.selection import Selection
from analytics.tests.counting import random_runs, refresh_all
from executions.models import Execution
from executions.tests.factories import EnvironmentFactory
from observatory.bench import http, peers, plain_sql, seed
from observatory.bench.asking import OURS, growth, named, of_best_peer, speed_up
from observatory.bench.history import LARGEST_SHARE, shares
from observatory.bench.kpis import sql_of, windows_of
from tenants.scope import operator_scope, tenant_scope

NOW = datetime(2026, 3, 4, 12, 20, tzinfo=UTC)
PERIOD = fixed_period("7d", now=NOW, zone=UTC)
SPAN = Bucket(PERIOD.start, PERIOD.end)
SMALL, LARGE = (
    SimpleNamespace(shape=SimpleNamespace(rows=rows), end=NOW) for rows in (1_000, 10_000_000)
)


@pytest.fixture
def environment():
    """One with random runs of two weeks, added up."""
    with operator_scope():
        environment = EnvironmentFactory()
    with tenant_scope(environment.tenant_id):
        random_runs(environment, count=400, since=NOW - timedelta(days=14), until=NOW)
        Execution.objects.filter(normalized_status="error").update(fingerprint="one")
        refresh_all()
        yield environment


@pytest.fixture
def figures(environment):
    """What our own way says."""
    question = question_of(Selection(environment.tenant_id), PERIOD, [environment])
    return kpis_of(question).figures


def asked(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


# --- Data ------------------------------------------------------------------------------------


def test_the_largest_tenant_has_its_share_and_the_others_the_rest():
    found = shares(20)

    assert found[0] == LARGEST_SHARE == max(found)
    assert sum(found) == pytest.approx(1)
    assert shares(1) == [1.0]


@pytest.mark.parametrize(("history", "hours"), [(LARGE, 1), (SMALL, 3086)])
def test_percentiles_are_tried_over_stretches_with_enough_rows(history, hours):
    windows = windows_of(history)

    assert all(window.end - window.start == timedelta(hours=hours) for window in windows)
    assert len(windows) == (60 if hours == 1 else 0)


# --- Ways ------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_plain_sql_says_what_we_say(environment, figures):
    rows = asked(sql_of(plain_sql.postgresql(environment.tenant_id), PERIOD))

    (whole,) = [row for row in rows if row[0] and row[1] is None]
    assert whole[2:5] == (
        figures.total_executions,
        figures.success_count,
        figures.failure_count,
    )
    assert float(whole[5]) == pytest.approx(figures.avg_duration_ms, abs=0.06)
    assert whole[6] == pytest.approx(
        [figures.p50_duration_ms, figures.p95_duration_ms, figures.p99_duration_ms], abs=0.06
    )


@pytest.mark.django_db
def test_the_seeds_way_says_what_we_say(environment, figures):
    now, before, *buckets = seed.kpis(environment.tenant_id, PERIOD, SPAN)

    assert now["total"] == before["total"] == sum(bucket["total"] for bucket in buckets)
    assert (now["total"], now["error"]) == (figures.total_executions, figures.failure_count)
    assert now["shares"][0] == pytest.approx(figures.p50_duration_ms, abs=0.06)


@pytest.mark.django_db
def test_all_ways_count_the_same_causes(environment, figures):
    dialect = plain_sql.postgresql(environment.tenant_id)

    ((fingerprint, failures, workflows, _),) = asked(plain_sql.errors(dialect, SPAN))

    assert (fingerprint, failures, workflows) == ("one", figures.failure_count, 3)
    assert seed.errors(environment.tenant_id, SPAN) == [("one", failures, workflows)]


@pytest.mark.django_db
def test_workflows_add_up_to_the_whole(environment, figures):
    dialect = plain_sql.postgresql(environment.tenant_id)
    previous = Bucket(PERIOD.previous().start, PERIOD.previous().end)

    rows = asked(plain_sql.workflows(dialect, SPAN, previous))

    assert sum(row[3] for row in rows if row[0]) == figures.total_executions
    by_workflow = seed.workflows(environment.tenant_id, SPAN)
    assert sum(found["total"] for found in by_workflow.values()) == figures.total_executions


def test_duckdb_reads_what_was_exported(tmp_path):
    pytest.importorskip("duckdb")
    rows = tmp_path / "rows.csv"
    at = plain_sql.milliseconds(NOW - timedelta(hours=1))
    rows.write_text(f"{at},e,w,error,100,one\n{at},e,w,error,,one\n0,e,w,error,,two\n")

    with peers.duckdb_of(rows) as ask:
        found = ask(plain_sql.errors(plain_sql.DUCKDB, SPAN))

    assert found == [("one", 2, 1, int(at))]


# --- Figures ---------------------------------------------------------------------------------


SECONDS = {
    named("30d", OURS, LARGE): 0.02,
    named("30d", OURS, SMALL): 0.01,
    named("30d", "seed", LARGE): 30.0,
    named("30d", "DuckDB", LARGE): 0.1,
    named("30d", "chDB", LARGE): 0.05,
}


def test_ratios_say_how_much_faster_ours_is():
    (found,) = speed_up(SECONDS, "30d", "seed", LARGE, 1000)

    assert (found.value, found.holds) == (1500, True)
    assert list(speed_up(SECONDS, "30d", "seed", SMALL, 1000)) == []


def test_ours_is_compared_with_the_better_peer():
    (found,) = of_best_peer(SECONDS, "30d", LARGE, 0.25)

    assert (round(found.value, 3), found.holds) == (0.4, False)
    assert list(of_best_peer(SECONDS, "30d", SMALL, None)) == []


def test_growth_needs_two_sizes():
    (found,) = growth(SECONDS, "30d", [SMALL, LARGE], 2)

    assert (found.value, found.holds) == (2, True)
    assert list(growth(SECONDS, "30d", [LARGE], 2)) == []


def test_an_endpoint_is_judged_beyond_the_empty_request_of_as_many_clients():
    best = {(path, clients): 0.01 * clients for path in http.ENDPOINTS for clients in (1, 8)}
    best |= {(http.EMPTY, 1): 0.004, (http.EMPTY, 8): 0.02}

    found = [figure for figure in http.figures(best, http.ENDPOINTS) if "kpis" in figure.name]

    assert [round(figure.value) for figure in found] == [6, 60]
    assert [figure.holds for figure in found] == [True, False]
