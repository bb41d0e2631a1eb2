"""The materialized views: what they hold, who may read them, and that none is stale in silence."""

from contextlib import contextmanager
from datetime import timedelta
from io import StringIO

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, ProgrammingError, connection
from django.utils import timezone
from structlog.testing import capture_logs

from analytics import materialized, tasks
from analytics.models import ViewState
from analytics.tests.counting import add_run, random_runs, refresh_all
from executions.models import Execution
from executions.tests.factories import EnvironmentFactory, WorkflowFactory
from tenants.models import Role
from tenants.scope import operator_scope, tenant_scope
from tenants.tests.factories import MembershipFactory, UserFactory

pytestmark = pytest.mark.django_db

REPORTS = ("execution_counts_by_workflow", "execution_counts_by_environment", "error_summary")
WORKFLOWS, ENVIRONMENTS, ERRORS = NAMES = tuple(materialized.VIEWS)


@pytest.fixture
def environment():
    with operator_scope():
        return EnvironmentFactory(name="Prod")


def fill(environment, *, seed=1, count=120):
    now = timezone.now()
    with operator_scope():
        random_runs(environment, count=count, since=now - timedelta(days=5), until=now, seed=seed)
        refresh_all()


def refresh_views():
    return [materialized.refresh_view(name) for name in materialized.VIEWS]


def rows(view, columns):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM reports.{view} ORDER BY 1, 2, 3")
        return cursor.fetchall()


def state_of(name):
    return ViewState.objects.get(pk=name)


def test_the_views_add_up_to_the_executions(environment):
    fill(environment)
    with operator_scope():
        WorkflowFactory(environment=environment, workflow_id="wf1", name="Orders")

    assert [one.error for one in refresh_views()] == ["", "", ""]

    with tenant_scope(environment.tenant_id):
        failures = Execution.objects.filter(normalized_status="error").count()
        by_workflow = rows(
            "execution_counts_by_workflow", "workflow_name, day, total_count, failure_count"
        )
        by_environment = rows(
            "execution_counts_by_environment", "environment_name, day, total_count, failure_count"
        )
        causes = rows("error_summary", "day, error_class, fingerprint, failure_count")
    assert {row[0] for row in by_workflow} == {"Orders", None}
    assert sum(row[2] for row in by_workflow) == sum(row[2] for row in by_environment) == 120
    assert sum(row[3] for row in by_workflow) == sum(row[3] for row in by_environment) == failures
    assert sum(row[3] for row in causes) == failures > 0


def test_failures_are_summed_up_by_cause(environment):
    now = timezone.now()
    with operator_scope():
        for number in range(3):
            add_run(
                environment,
                now,
                status="error",
                error_class="timeout",
                fingerprint="f1",
                workflow_id=f"wf{number % 2}",
                error_template="took longer than <n> ms",
            )
        add_run(environment, now, status="error")
        add_run(environment, now, status="canceled", error_class="timeout", fingerprint="f1")
        add_run(environment, now - timedelta(days=40), status="error", fingerprint="old")

    materialized.refresh_view(ERRORS)

    with tenant_scope(environment.tenant_id):
        found = rows(
            "error_summary",
            "fingerprint, error_class, failure_count, workflow_count, error_template",
        )
    assert found == [("", "", 1, 1, ""), ("f1", "timeout", 3, 2, "took longer than <n> ms")]


def test_the_application_reads_the_tenant_that_it_entered(environment):
    with operator_scope():
        other = EnvironmentFactory()
    fill(environment)
    fill(other, seed=2, count=30)
    refresh_views()

    for view in REPORTS:
        assert rows(view, "tenant_id, day, 1") == []
        with tenant_scope(other.tenant_id):
            assert {row[0] for row in rows(view, "tenant_id, day, 1")} == {other.tenant_id}


@pytest.mark.parametrize("name", materialized.VIEWS)
def test_the_application_does_not_read_a_materialized_view_itself(name):
    with pytest.raises(ProgrammingError, match="permission denied"), operator_scope():
        connection.cursor().execute(f"SELECT count(*) FROM {name}")


def test_only_the_operators_role_refreshes(environment):
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        tenant_scope(environment.tenant_id),
    ):
        connection.cursor().execute("SELECT reports.refresh(%s)", [ERRORS])


def test_a_refresh_of_anything_else_is_refused():
    with pytest.raises(DatabaseError, match="none of the materialized views"), operator_scope():
        connection.cursor().execute("SELECT reports.refresh('pg_class; DROP TABLE executions')")


def test_a_refresh_leaves_its_state(environment):
    fill(environment)

    result = materialized.refresh_view(ENVIRONMENTS)

    state = state_of(ENVIRONMENTS)
    assert state.row_count == result.rows > 4
    assert state.started_at <= state.succeeded_at <= timezone.now()
    assert state.duration_ms == result.duration_ms
    assert state.error == ""


def test_a_failed_refresh_keeps_the_last_success_and_says_why(monkeypatch):
    refresh_views()
    before = state_of(ERRORS)

    def fail(name):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    monkeypatch.setattr(materialized, "_refresh", fail)
    with capture_logs() as logged:
        result = materialized.refresh_view(ERRORS)

    after = state_of(ERRORS)
    assert [(one["event"], one["log_level"]) for one in logged] == [
        ("view_refresh_failed", "error")
    ]
    assert result.error == after.error == "division by zero"
    assert after.succeeded_at == before.succeeded_at
    assert after.started_at > before.started_at
    (late,) = materialized.late_views()
    assert late.sentence == (
        f"{ERRORS} shows {before.succeeded_at:%Y-%m-%d %H:%M} UTC;"
        " the last try failed: division by zero"
    )


def test_a_success_after_a_failure_is_no_failure_any_more():
    ViewState.objects.update_or_create(name=ERRORS, defaults={"error": "disk full"})

    refresh_views()

    assert materialized.late_views() == []


def test_a_view_that_was_not_refreshed_for_long_is_late():
    refresh_views()
    long_ago = timezone.now() - materialized.LATE_AFTER - timedelta(seconds=1)
    ViewState.objects.filter(pk=WORKFLOWS).update(succeeded_at=long_ago)
    ViewState.objects.filter(pk=ERRORS).delete()

    assert [(late.name, late.as_of) for late in materialized.late_views()] == [
        (WORKFLOWS, long_ago),
        (ERRORS, None),
    ]


@contextmanager
def another_connection():
    """A second session of the application, as another worker has one."""
    own = connection.settings_dict
    with psycopg.connect(
        host=own["HOST"],
        port=own["PORT"],
        dbname=own["NAME"],
        user=own["USER"],
        password=own["PASSWORD"],
    ) as connected:
        yield connected


def test_while_another_one_refreshes_nothing_is_done():
    begin = timezone.now()
    with another_connection() as other:
        lock = "SELECT pg_try_advisory_xact_lock(hashtextextended('view:' || %s, 0))"
        assert other.execute(lock, [ERRORS]).fetchone() == (True,)

        result = materialized.refresh_view(ERRORS)

    assert result.is_busy
    assert not ViewState.objects.filter(pk=ERRORS, started_at__gt=begin).exists()


def test_beat_asks_for_each_view_by_itself(monkeypatch):
    asked = []
    monkeypatch.setattr(tasks.refresh_view, "apply_async", lambda args, **_: asked.append(args[0]))

    tasks.refresh_views()

    assert tuple(asked) == NAMES


def test_beat_logs_a_late_view_as_an_error(monkeypatch):
    monkeypatch.setattr(tasks.refresh_view, "apply_async", lambda **_: None)
    refresh_views()
    ViewState.objects.filter(pk=ERRORS).update(error="disk full")

    with capture_logs() as logged:
        tasks.refresh_views()

    (event,) = logged
    assert (event["event"], event["log_level"], event["view"]) == ("view_late", "error", ERRORS)


def test_the_command_prints_a_line_a_view(environment):
    fill(environment)
    output = StringIO()

    call_command("refresh_views", stdout=output)

    lines = output.getvalue().splitlines()
    assert [line.partition(":")[0] for line in lines] == list(materialized.VIEWS)
    assert "rows in" in lines[0]


def test_the_command_refreshes_one_view_and_names_what_it_does_not_know():
    output = StringIO()

    call_command("refresh_views", view=ERRORS, stdout=output)

    assert output.getvalue().startswith(f"{ERRORS}: 0 rows in")
    with pytest.raises(CommandError, match="“elsewhere” is not one of: mv_execution"):
        call_command("refresh_views", view="elsewhere")


def test_the_command_fails_where_a_view_did(monkeypatch):
    def fail(name):
        raise DatabaseError("disk full")

    monkeypatch.setattr(materialized, "_refresh", fail)
    output = StringIO()

    with pytest.raises(CommandError, match="3 views were not refreshed"):
        call_command("refresh_views", stdout=output)

    assert output.getvalue().count("failed: disk full") == 3


@pytest.mark.parametrize(("role", "told"), [(Role.VIEWER, False), (Role.OPERATOR, True)])
def test_status_tells_a_tenants_operators_of_a_late_view(client, role, told):
    with operator_scope():
        member = MembershipFactory(role=role)
    refresh_views()
    ViewState.objects.filter(pk=ERRORS).update(error="could not write to /var/lib/postgresql")
    client.force_login(member.user)

    answer = client.get("/api/v1/observability/status").json()

    late = [one for one in answer["insights"] if one["kind"] == "view_late"]
    assert [one["sentence"].partition(" is as of")[0] for one in late] == (
        ["What BI tools read of errors"] if told else []
    )
    assert "/var/lib" not in str(answer)


def test_the_admins_first_page_tells_of_a_late_view(client):
    client.force_login(UserFactory(is_superuser=True))
    refresh_views()
    quiet = client.get("/admin/").content.decode()
    ViewState.objects.filter(pk=ERRORS).update(error="disk <full>")

    page = client.get("/admin/").content.decode()

    assert "the last try failed" not in quiet
    assert "the last try failed: disk &lt;full&gt;." in page
    assert "/admin/analytics/viewstate/" in page


def test_the_admin_shows_each_view_and_has_a_worker_refresh_it(client, monkeypatch):
    asked = []
    monkeypatch.setattr(tasks.refresh_view, "apply_async", lambda args, **_: asked.append(args[0]))
    client.force_login(UserFactory(is_superuser=True))
    refresh_views()

    page = client.get("/admin/analytics/viewstate/").content.decode()
    client.post("/admin/analytics/viewstate/", {"action": "refresh", "_selected_action": [ERRORS]})

    assert all(name in page for name in NAMES)
    assert "Refresh now" in page
    assert asked == [ERRORS]
    assert client.get("/admin/analytics/viewstate/add/").status_code == 403
