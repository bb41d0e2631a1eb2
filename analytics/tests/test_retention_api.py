"""Retention over REST: reading, changing, trying out, and who may."""

from datetime import timedelta

import pytest
from django.utils import timezone

from analytics import tasks
from analytics.tests.counting import add_run, refresh_all
from executions.models import Execution, RetentionRule
from executions.tests.factories import EnvironmentFactory
from tenants.models import AuditEntry, Role, Tenant
from tenants.scope import operator_scope
from tenants.tests.factories import MembershipFactory

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/retention"
JSON = {"content_type": "application/json"}


@pytest.fixture
def member():
    with operator_scope():
        return MembershipFactory(role=Role.ADMIN, tenant__retention_min_kept=0)


@pytest.fixture
def environment(member):
    with operator_scope():
        return EnvironmentFactory(tenant=member.tenant)


@pytest.fixture
def api(client, member):
    client.force_login(member.user)
    return client


def old_run(environment, days=10):
    with operator_scope():
        add_run(environment, timezone.now() - timedelta(days=days))
        refresh_all()


def test_it_changes_what_is_sent_and_records_who_did(api, member, environment):
    rule = {"environment_id": str(environment.pk), "status": "error", "days": 90}

    answer = api.patch(ADDRESS, {"days": 14, "rules": [rule]}, **JSON)

    assert answer.json() == {"days": 14, "min_kept": 0, "rules": [rule]}
    assert api.get(ADDRESS).json() == answer.json()
    with operator_scope():
        entry = AuditEntry.objects.get(action="changed retention")
        assert Tenant.objects.get(pk=member.tenant_id).retention_days == 14
    assert entry.changes["after"]["days"] == 14


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"days": 0}, "greater than or equal to 1"),
        ({"days": 4000}, "less than or equal to 3650"),
        ({"days": "soon"}, "valid integer"),
        ({"dayz": 3}, "no such field"),
        ({"rules": [{"days": 3}]}, "needs an environment, a status or both"),
        ({"rules": [{"days": 3, "status": "odd"}]}, "odd"),
        ({"rules": [{"days": 3, "status": "error"}] * 2}, "the same environment and status"),
        (
            {"rules": [{"days": 3, "environment_id": "00000000-0000-0000-0000-000000000001"}]},
            "There is no environment 00000000",
        ),
    ],
)
def test_it_refuses_in_a_sentence_and_changes_nothing(api, member, body, words):
    answer = api.patch(ADDRESS, body, **JSON)

    assert answer.status_code == 400
    assert words in answer.json()["detail"]
    with operator_scope():
        assert not RetentionRule.objects.exists()
        assert Tenant.objects.get(pk=member.tenant_id).retention_days == 7


def test_an_environment_of_another_tenant_does_not_exist(api):
    with operator_scope():
        foreign = EnvironmentFactory()

    answer = api.patch(ADDRESS, {"rules": [{"days": 3, "environment_id": str(foreign.pk)}]}, **JSON)

    assert "There is no environment" in answer.json()["detail"]


def test_a_dry_run_of_other_days_says_what_would_go_and_deletes_nothing(api, environment):
    old_run(environment, days=3)

    kept = api.post(f"{ADDRESS}/dry-run", {}, **JSON).json()
    gone = api.post(f"{ADDRESS}/dry-run", {"days": 2}, **JSON).json()

    assert (kept["rows"], gone["rows"], gone["shares"][0]["rows"]) == (0, 1, 1)
    with operator_scope():
        assert Execution.objects.count() == 1


def test_a_run_is_started_after_commit_and_then_on_record(
    api, environment, monkeypatch, django_capture_on_commit_callbacks
):
    old_run(environment)
    monkeypatch.setattr(tasks, "enqueue_pruning", lambda *ids: tasks.prune_tenant(*map(str, ids)))

    with django_capture_on_commit_callbacks(execute=True):
        answer = api.post(f"{ADDRESS}/runs")

    (run,) = api.get(f"{ADDRESS}/runs").json()["results"]
    assert answer.status_code == 202
    assert (run["state"], run["deleted"]) == ("done", 1)
    assert run["requested_by"] != "schedule"


@pytest.mark.parametrize(
    ("method", "tail", "expected"),
    [("patch", "", 403), ("post", "/runs", 403), ("post", "/dry-run", 200), ("get", "", 200)],
)
def test_a_viewer_looks_and_changes_nothing(client, member, method, tail, expected):
    with operator_scope():
        viewer = MembershipFactory(tenant=member.tenant, role=Role.VIEWER)
    client.force_login(viewer.user)

    answer = getattr(client, method)(ADDRESS + tail, **({} if method == "get" else JSON))

    assert answer.status_code == expected


def test_nobody_is_refused(client):
    assert client.post(f"{ADDRESS}/dry-run", {}, **JSON).status_code == 401
