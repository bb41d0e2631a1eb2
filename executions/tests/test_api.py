from datetime import timedelta

import pytest
from django.utils import timezone

from executions.models import Environment, SyncRun, SyncState
from executions.n8n.addresses import parse_allowed_networks
from executions.tests.factories import EnvironmentFactory, ExecutionFactory
from tenants.models import AuditEntry, Role
from tenants.scope import operator_scope, tenant_scope
from tenants.tests.factories import MembershipFactory, TenantFactory
from tenants.tokens import create_token

pytestmark = pytest.mark.django_db

MISSION_COLUMNS = {
    "id", "tenant_id", "environment_id", "provider", "workflow_id", "workflow_name",
    "n8n_execution_id", "normalized_status", "started_at", "finished_at", "execution_time",
    "error_message", "error_node", "mode", "created_at", "updated_at",
}  # fmt: skip


@pytest.fixture
def tenant():
    with operator_scope():
        return TenantFactory()


@pytest.fixture
def environment(tenant):
    with tenant_scope(tenant.pk):
        return EnvironmentFactory(tenant=tenant)


@pytest.fixture
def call(client, tenant):
    with tenant_scope(tenant.pk):
        _, secret = create_token(tenant=tenant, name="test", role=Role.ADMIN)

    def send(method, path, body=None):
        return getattr(client, method)(
            f"/api/v1/{path}",
            data=body,
            content_type="application/json",
            headers={"Authorization": f"Bearer {secret}"},
        )

    return send


def executions(tenant, environment, count, newest=None, **values):
    now = newest or timezone.now()
    with tenant_scope(tenant.pk):
        return [
            ExecutionFactory(
                tenant=tenant,
                environment_id=environment.pk,
                started_at=now - timedelta(minutes=minute),
                **values,
            )
            for minute in range(count)
        ]


def test_an_execution_has_all_columns_and_n8ns_own_status(call, tenant, environment):
    row = executions(tenant, environment, 1, status="crashed", normalized_status="error")[0]

    body = call("get", f"executions/{row.pk}").json()

    assert set(body) >= MISSION_COLUMNS | {"status"}
    assert (body["status"], body["normalized_status"]) == ("crashed", "error")
    assert body["tenant_id"] == str(tenant.pk)


def test_pages_follow_each_other_without_gap_or_repetition(call, tenant, environment):
    rows = executions(tenant, environment, 7)

    found, cursor = [], ""
    while cursor is not None:
        page = call("get", f"executions?limit=3&cursor={cursor}").json()
        found += [row["id"] for row in page["results"]]
        cursor = page["next_cursor"]

    assert found == [str(row.pk) for row in rows]


def test_rows_that_arrive_while_paging_shift_nothing(call, tenant, environment):
    rows = executions(tenant, environment, 4)
    first = call("get", "executions?limit=2").json()

    executions(tenant, environment, 3, newest=timezone.now() + timedelta(hours=1))
    second = call("get", f"executions?limit=2&cursor={first['next_cursor']}").json()

    assert [row["id"] for row in second["results"]] == [str(row.pk) for row in rows[2:]]


def test_filters_narrow_and_repeated_keys_widen(call, tenant, environment):
    executions(tenant, environment, 2)
    executions(tenant, environment, 1, status="error")
    executions(tenant, environment, 1, status="canceled")

    body = call("get", "executions?status=error&status=canceled").json()

    assert sorted(row["status"] for row in body["results"]) == ["canceled", "error"]


@pytest.mark.parametrize(
    ("query", "field", "sentence"),
    [
        ("status=failed", "status", "“failed” is not one of: success"),
        ("colour=red", "", "“colour” is not a filter; there are: environment"),
        ("limit=0", "limit", "“0” is not allowed; take a number from 1 to 250"),
        ("limit=251", "limit", "“251” is not allowed"),
        ("limit=9e9", "limit", "“9e9” is not allowed"),
        ("cursor=made-up", "cursor", "The cursor is not one of this list"),
        ("started_after=yesterday", "started_after", "“yesterday” is not a time; write"),
        ("started_after=now-999999w", "started_after", "is out of range"),
        ("started_after=now-1h&started_before=now-2h", "started_before", "ends before"),
        ("duration_min=-1", "duration_min", "“-1” is not a number of milliseconds"),
        ("duration_min=9&duration_max=1", "duration_max", "below the shortest"),
        ("environment=nonsense", "environment", "“nonsense” is not the id of one of your"),
        ("workflow=" + "x" * 65, "workflow", "longer than 64 characters"),
        ("q=" + "x" * 201, "q", "at most 200 characters"),
    ],
)
def test_a_bad_filter_is_named_in_one_sentence(call, query, field, sentence):
    answer = call("get", f"executions?{query}")

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    error = answer.json()["errors"][0]
    assert error["field"] == field
    assert sentence in error["detail"]


def test_an_environment_of_another_tenant_is_no_filter(call, environment):
    with operator_scope():
        foreign = EnvironmentFactory()

    answer = call("get", f"executions?environment={foreign.pk}")

    assert answer.status_code == 400


def test_the_list_takes_a_constant_number_of_queries(
    call, tenant, environment, django_assert_max_num_queries
):
    executions(tenant, environment, 30)

    with django_assert_max_num_queries(20):
        assert len(call("get", "executions").json()["results"]) == 30


def test_the_key_of_an_environment_is_never_shown(call, environment):
    text = call("get", f"environments/{environment.pk}").content.decode()

    assert "key-of-a-test" not in text
    assert '"api_key_last_four":"test"' in text


def test_an_environment_that_does_not_answer_is_not_stored(call, tenant, settings):
    settings.ALLOWED_NETWORKS = parse_allowed_networks("loopback")
    body = {"name": "New", "base_url": "http://127.0.0.1:59999", "api_key": "secret"}

    answer = call("post", "environments", body)

    assert answer.status_code == 422
    assert "127.0.0.1:59999" in answer.json()["detail"]
    with tenant_scope(tenant.pk):
        assert not Environment.objects.exists()
        assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "x", "base_url": "ftp://host", "api_key": "k"}, "base_url"),
        ({"name": "x", "base_url": "http://user:pw@host", "api_key": "k"}, "base_url"),
        ({"name": "x", "base_url": "http://127.0.0.1:59999", "api_key": "ü"}, "api_key"),
        ({"name": "x" * 101, "base_url": "http://127.0.0.1:59999", "api_key": "k"}, "name"),
        (
            {"name": "x", "base_url": "http://127.0.0.1:59999", "api_key": "k", "tenant": 1},
            "tenant",
        ),
    ],
)
def test_a_bad_environment_is_named_and_nothing_is_stored(call, tenant, body, field):
    answer = call("post", "environments", body)

    assert answer.status_code == 400
    assert field in [error["field"] for error in answer.json()["errors"]]
    with tenant_scope(tenant.pk):
        assert not Environment.objects.exists()


def test_a_new_address_wants_the_key_again(call, environment):
    answer = call("patch", f"environments/{environment.pk}", {"base_url": "http://127.0.0.1:8"})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "api_key"


def test_pausing_is_stored_and_audited(call, tenant, environment):
    answer = call("patch", f"environments/{environment.pk}", {"is_paused": True})

    assert answer.json()["is_paused"] is True
    with tenant_scope(tenant.pk):
        entry = AuditEntry.objects.get()
    assert (entry.action, entry.changes) == ("changed environment", {"is_paused": True})
    assert entry.actor.startswith("token test")


def test_a_second_sync_joins_the_first(call, tenant, environment):
    first = call("post", f"environments/{environment.pk}/sync")
    second = call("post", f"environments/{environment.pk}/sync?type=executions")

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] == second.json()["id"]
    assert first.json()["state"] == "queued"
    with tenant_scope(tenant.pk):
        assert SyncRun.objects.count() == 1


def test_quarantine_is_told_with_what_comes_next_and_can_be_ended(call, tenant, environment):
    path = f"environments/{environment.pk}"
    with tenant_scope(tenant.pk):
        SyncState.objects.for_tenant(tenant).update(
            quarantined_at=timezone.now(), quarantine_reason="Copying died 3 times."
        )

    body = call("get", path).json()
    (listed,) = call("get", "environments").json()["results"]
    released = call("post", f"{path}/release")

    assert (body["health"], body["health_reason"]) == ("quarantined", "Copying died 3 times.")
    assert body["next_step"].startswith("It is left alone until somebody releases it")
    assert listed == body
    assert released.status_code == 200
    assert released.json()["health"] != "quarantined"


def test_a_sync_of_an_unknown_type_is_refused(call, environment):
    answer = call("post", f"environments/{environment.pk}/sync?type=workflows")

    assert answer.status_code == 400
    assert "“workflows” is not one of: executions, history" in answer.json()["detail"]


def test_removing_an_environment_takes_its_executions_along(call, tenant, environment):
    executions(tenant, environment, 2)

    answer = call("delete", f"environments/{environment.pk}")

    assert answer.status_code == 204
    assert call("get", "executions").json()["results"] == []


def test_a_viewers_token_may_not_change_anything(client, tenant, environment):
    with tenant_scope(tenant.pk):
        _, secret = create_token(tenant=tenant, name="reader", role=Role.VIEWER)

    answer = client.delete(
        f"/api/v1/environments/{environment.pk}", headers={"Authorization": f"Bearer {secret}"}
    )

    assert answer.status_code == 403
    assert "needs the role admin" in answer.json()["detail"]


def test_a_person_with_two_tenants_must_say_which(client, tenant):
    with operator_scope():
        first = MembershipFactory(tenant=tenant)
        second = MembershipFactory(user=first.user)
    client.force_login(first.user)

    unsaid = client.get("/api/v1/executions")
    said = client.get(f"/api/v1/executions?tenant={second.tenant.slug}")
    foreign = client.get("/api/v1/executions?tenant=nope")

    assert (unsaid.status_code, said.status_code, foreign.status_code) == (400, 200, 404)
    assert tenant.slug in unsaid.json()["detail"]


def test_an_unknown_path_below_the_api_answers_with_a_problem(client):
    answer = client.get("/api/v1/nothing")

    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


def test_a_body_that_is_no_json_is_refused(client, tenant, call):
    answer = call("post", "environments/test", "{broken")

    assert answer.status_code == 400
    assert answer.json()["status"] == 400
