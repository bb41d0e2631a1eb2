"""Errors, acts, rules and credentials as clients see them."""

from datetime import timedelta
from unittest.mock import patch

import pytest
from django.utils import timezone

from analytics.models import ErrorGroup, GroupEvent, Regrouping
from analytics.tests.counting import refresh_all
from analytics.tests.failing import fail
from executions.error_rules import ErrorRule
from executions.tests.factories import EnvironmentFactory, ErrorRuleFactory, WorkflowFactory
from tenants.models import Role
from tenants.scope import operator_scope
from tenants.tests.factories import MembershipFactory

pytestmark = pytest.mark.django_db

ERRORS = "/api/v1/observability/errors"
RULES = "/api/v1/observability/error-rules"
CREDENTIALS = "/api/v1/observability/credentials"
AN_HOUR_AGO = timezone.now() - timedelta(hours=1)


@pytest.fixture
def member():
    with operator_scope():
        return MembershipFactory(role=Role.OPERATOR)


@pytest.fixture
def environment(member):
    with operator_scope():
        return EnvironmentFactory(tenant=member.tenant, name="Prod")


@pytest.fixture(autouse=True)
def signed_in(client, member):
    client.force_login(member.user)


def failing(environment, *messages, **values):
    with operator_scope():
        for message in messages:
            fail(environment, AN_HOUR_AGO, message, **values)
    refresh_all()


def post(client, address, body=None):
    return client.post(address, body or {}, content_type="application/json")


def test_the_list_has_the_promised_fields(client, environment):
    failing(environment, "connect ECONNREFUSED 10.0.0.1:5432", "connect ECONNREFUSED ::1:80")

    body = client.get(ERRORS, {"time_range": "24h"}).json()

    (row,) = body["results"]
    assert (row["error_type"], row["error_class"], row["count"]) == (
        "connect ECONNREFUSED", "connection", 2,
    )  # fmt: skip
    assert {
        "first_seen", "last_seen", "affected_workflows", "sample_messages", "trend", "state",
        "advice", "retry_helps", "fingerprint", "id",
    } <= set(row)  # fmt: skip
    assert (row["retry_helps"], row["state"]) == ("yes", "new")
    assert len(row["trend"]) == 24
    assert (body["total"], body["total_failures"]) == (1, 2)


def test_a_count_equals_the_list_of_executions(client, environment):
    failing(
        environment, "a is odd in b", "connect ECONNREFUSED ::1:80", "connect ECONNREFUSED ::2:9"
    )

    for row in client.get(ERRORS).json()["results"]:
        listed = client.get(
            "/api/v1/executions", {"group": row["fingerprint"], "started_after": "now-24h"}
        ).json()["results"]
        assert len(listed) == row["count"]


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ({"state": "gone"}, "“gone” is not one of: new, ongoing, resolved, regressed, archived."),
        ({"error_class": "odd"}, "“odd” is not one of"),
        ({"sort": "-name"}, "“-name” is not one of: count,"),
        ({"colour": "red"}, "“colour” is not a filter"),
        ({"cursor": "made-up"}, "The cursor is not one of this table"),
        ({"limit": "9999"}, "from 1 to 250"),
    ],
)
def test_a_wrong_question_is_refused_in_a_sentence(client, environment, chosen, sentence):
    answer = client.get(ERRORS, chosen)

    assert answer.status_code == 400
    assert sentence in answer.json()["detail"]


def test_pages_follow_each_other(client, environment):
    failing(environment, "alpha is odd today", "beta is odd today", "gamma is odd today")

    first = client.get(ERRORS, {"limit": 2}).json()
    second = client.get(ERRORS, {"limit": 2, "cursor": first["next_cursor"]}).json()

    assert (len(first["results"]), len(second["results"]), second["next_cursor"]) == (2, 1, None)
    assert len({row["id"] for row in first["results"] + second["results"]}) == 3


def test_a_group_is_resolved_reopened_archived_assigned_and_noted(client, environment, member):
    failing(environment, "alpha is odd today")
    (row,) = client.get(ERRORS).json()["results"]
    address = f"{ERRORS}/{row['id']}"

    assert post(client, f"{address}/resolve").json()["state"] == "resolved"
    assert post(client, f"{address}/resolve").status_code == 409
    assert post(client, f"{address}/reopen").json()["state"] == "ongoing"
    assert post(client, f"{address}/archive", {"count": 5}).json()["archived_until_count"] == 5
    named = post(client, f"{address}/assign", {"assignee": member.user.username})
    assert named.json()["assignee"] == member.user.username
    assert post(client, f"{address}/notes", {"text": "Look at it"}).status_code == 201

    detail = client.get(address).json()
    kinds = [event["kind"] for event in detail["history"]]
    assert kinds == ["noted", "assigned", "archived", "reopened", "resolved"]
    assert {event["actor"] for event in detail["history"]} == {member.user.username}
    assert client.get(ERRORS, {"assignee": member.user.username}).json()["total"] == 1


@pytest.mark.parametrize(
    ("act", "body", "status", "sentence"),
    [
        ("resolve", {"resolved_in": "tomorrow"}, 400, "tomorrow"),
        ("resolve", {"colour": "red"}, 400, "There is no such field"),
        ("reopen", {}, 409, "It is open already."),
        ("archive", {"until": "2001-01-01T00:00:00Z"}, 409, "is over already"),
        ("archive", {"count": 0}, 400, "greater than or equal to 1"),
        ("assign", {"assignee": "nobody"}, 400, "“nobody” is no member here."),
        ("notes", {"text": ""}, 400, "may not be blank"),
        ("merge", {"groups": []}, 400, "at least 1"),
        ("merge", {"groups": ["0198c2a4-0000-7000-8000-000000000000"]}, 400, "is not one of your"),
        ("unmerge", {"group": "0198c2a4-0000-7000-8000-000000000000"}, 409, "is not merged"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_in_a_sentence(
    client, environment, act, body, status, sentence
):
    failing(environment, "alpha is odd today")
    (row,) = client.get(ERRORS).json()["results"]

    answer = post(client, f"{ERRORS}/{row['id']}/{act}", body)

    assert (answer.status_code, sentence in answer.json()["detail"]) == (status, True)
    assert not GroupEvent.objects.exists()


def test_groups_are_merged_and_taken_apart(client, environment):
    failing(environment, "alpha is odd today", "beta is odd today")
    one, two = client.get(ERRORS).json()["results"]

    post(client, f"{ERRORS}/{one['id']}/merge", {"groups": [two["id"]]})

    (merged,) = client.get(ERRORS).json()["results"]
    assert (merged["id"], merged["count"]) == (one["id"], 2)
    assert client.get(f"{ERRORS}/{two['id']}").json()["group"]["id"] == one["id"]
    answer = post(client, f"{ERRORS}/{one['id']}/unmerge", {"group": two["id"]})
    assert answer.json()["id"] == two["id"]
    assert client.get(ERRORS).json()["total"] == 2


def test_a_rule_is_tried_added_changed_and_removed(client, environment, member):
    failing(environment, "The order was refused by the warehouse", "alpha is odd today")
    rule = {"name": "Warehouse", "pattern": "WAREHOUSE", "error_class": "server_error"}

    tried = post(client, f"{RULES}/preview", rule).json()
    assert (tried["examined"], tried["matched"]) == (2, 1)
    assert tried["groups"][0]["failures"] == 1
    assert not ErrorRule.objects.exists()

    with patch("analytics.tasks.regroup_failures.apply_async"):
        added = post(client, RULES, rule)
    assert (added.status_code, added.json()["created_by"]) == (201, member.user.username)
    address = f"{RULES}/{added.json()['id']}"
    changed = client.patch(address, {"name": "Stock"}, content_type="application/json")
    assert changed.json()["name"] == "Stock"
    with operator_scope():
        assert Regrouping.objects.get().finished_at is None
    assert client.delete(address).status_code == 204
    assert client.get(RULES).json()["results"] == []


def test_a_rule_is_put_at_another_place(client, environment):
    with operator_scope():
        first, second = (ErrorRuleFactory(tenant=environment.tenant, name=n) for n in "AB")

    moved = post(client, f"{RULES}/{second.pk}/move", {"place": 1})

    assert [rule["name"] for rule in moved.json()] == ["B", "A"]
    assert [rule["name"] for rule in client.get(RULES).json()["results"]] == ["B", "A"]
    assert post(client, f"{RULES}/{first.pk}/move", {"place": 0}).status_code == 400


@pytest.mark.parametrize(
    ("rule", "status"),
    [
        ({"name": "A", "pattern": ""}, 400),
        ({"name": "A", "pattern": "x" * 501}, 400),
        ({"name": "A", "pattern": "x", "kind": "regex"}, 400),
        ({"name": "A", "pattern": "x", "error_class": "odd"}, 400),
        ({"name": "A", "pattern": "x", "colour": "red"}, 400),
        ({"name": "Taken", "pattern": "x"}, 422),
    ],
)
def test_a_wrong_rule_is_refused(client, environment, rule, status):
    with operator_scope():
        ErrorRuleFactory(tenant=environment.tenant, name="Taken")

    assert post(client, RULES, rule).status_code == status


def uses(node, credential, **more):
    kept = [{"type": "slackApi", "id": credential, "name": f"Slack {credential}"}]
    return {"name": node, "type": "n8n-nodes-base.slack", "credentials": kept, **more}


def test_the_board_names_the_workflows_that_will_fail_next(client, environment):
    with operator_scope():
        for workflow_id, nodes, is_active in (
            ("failed", [uses("Post", "c1")], True),
            ("next", [uses("Tell", "c1"), uses("Tell more", "c1")], True),
            ("off", [uses("Tell", "c1")], False),
            ("disabled", [uses("Tell", "c1", disabled=True)], True),
            ("other", [uses("Tell", "c2")], True),
            ("bare", [{"name": "Set", "type": "n8n-nodes-base.set"}], True),
        ):
            WorkflowFactory(
                environment=environment, workflow_id=workflow_id, name=workflow_id,
                nodes=nodes, is_active=is_active,
            )  # fmt: skip
    failing(environment, "invalid_auth", workflow_id="failed", error_node="Post")
    failing(environment, "connect ECONNREFUSED ::1:80", workflow_id="other", error_node="Tell")

    (row,) = client.get(CREDENTIALS).json()["results"]

    assert (row["credential_name"], row["credential_type"]) == ("Slack c1", "slackApi")
    assert [one["workflow_id"] for one in row["failing"]] == ["failed"]
    assert [(one["workflow_id"], one["nodes"]) for one in row["next_to_fail"]] == [
        ("next", ["Tell", "Tell more"])
    ]
    assert (row["is_known"], row["seems_mended"], row["failures"]) == (True, False, 1)


def test_a_node_without_a_credential_is_on_the_board_by_its_name(client, environment):
    failing(environment, "Credentials not found", workflow_id="lost", error_node="Mail")

    (row,) = client.get(CREDENTIALS).json()["results"]

    assert (row["credential_name"], row["is_known"], row["next_to_fail"]) == ("Mail", False, [])


def test_a_viewer_sees_and_changes_nothing(client, environment):
    failing(environment, "alpha is odd today")
    with operator_scope():
        client.force_login(MembershipFactory(tenant=environment.tenant, role=Role.VIEWER).user)
    (row,) = client.get(ERRORS).json()["results"]

    for act in ("resolve", "reopen", "archive", "assign", "notes", "merge", "unmerge"):
        assert post(client, f"{ERRORS}/{row['id']}/{act}").status_code == 403
    assert post(client, RULES, {"name": "A", "pattern": "x"}).status_code == 403
    with operator_scope():
        assert ErrorGroup.objects.get().state == "new"
