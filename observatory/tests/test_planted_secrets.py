"""Secrets in the errors of an n8n are found nowhere afterwards: no table, log, answer or page."""

import pytest
from django.db import connection

from analytics.tests.counting import refresh_all
from executions import sync
from executions.models import Execution
from executions.n8n.fake import FakeN8n
from executions.n8n.fake_server import client_of
from executions.tests.factories import EnvironmentFactory
from tenants.models import Role
from tenants.scope import operator_scope
from tenants.tests.factories import MembershipFactory

pytestmark = pytest.mark.django_db

MARK = "Planted"
SECRETS = (
    "Incorrect API key provided: sk-Planted0123456789AbCdEf",
    "401 with Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.UGxhbnRlZFBsYW50ZWQ.PlantedSignature01",
    "connect ECONNREFUSED postgres://n8n:Planted-pass@db.internal:5432/shop",
    "Request failed: https://api.telegram.org/bot123456789:AAPlanted-0123456789abcdefghij0/send",
    '{"error":"bad","client_secret":"Planted0123","password":"Planted word"}',
    "key AKIAPLANTED0123456789 and xoxb-123456789012-Planted0123456789",
)
TABLES = """
SELECT quote_ident(table_name) FROM information_schema.tables
WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
"""


def errors_with(secret):
    """The secret in each place of an error that n8n gives."""
    general = "Bad request - please check your parameters"
    yield {"message": secret, "name": "Error", "stack": f"Error: {secret}\n at x"}
    yield {"message": general, "description": secret, "name": "NodeApiError", "httpCode": "400"}
    yield {"message": general, "messages": [f"400 - {secret}"], "cause": {"message": secret}}
    yield {"message": {"error": {"message": secret}}, "httpCode": secret, "name": secret}
    yield {"message": f'The value "{secret}" at {secret} is odd', "description": secret}


@pytest.fixture
def member(monkeypatch):
    """A member whose n8n has told all of it."""
    fake = FakeN8n(first_id=1000)
    workflow = fake.add_workflow("Order sync")
    for secret in SECRETS:
        for error in errors_with(secret):
            fake.run(workflow, "error", error=error)
    monkeypatch.setattr(sync, "open_client", lambda environment: client_of(fake))
    with operator_scope():
        member = MembershipFactory(role=Role.OWNER)
        environment = EnvironmentFactory(tenant=member.tenant)
    for _ in range(20):
        turn = sync.run_turn(
            tenant_id=member.tenant_id, environment_id=environment.pk, owner="test"
        )
        if not turn.has_more:
            break
    refresh_all()
    return member


def tables_with_the_mark():
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        names = [name for (name,) in cursor.fetchall()]
        for name in names:
            cursor.execute(
                f"SELECT count(*) FROM {name} AS t WHERE t::text ILIKE %s", [f"%{MARK}%"]
            )
            if cursor.fetchone()[0]:
                yield name


def test_the_test_would_see_one(member):
    with operator_scope():
        Execution.objects.filter(pk=Execution.objects.first().pk).update(error_message=MARK)

        assert list(tables_with_the_mark()) == ["executions"]


def test_no_secret_is_found_anywhere(capfd, caplog, client, member):
    client.force_login(member.user)
    with operator_scope():
        assert Execution.objects.exclude(error_message="").count() == len(SECRETS) * 5
        found = list(tables_with_the_mark())
        ids = list(Execution.objects.values_list("pk", flat=True))

    addresses = ["/api/v1/executions?limit=250", "/api/v1/observability/errors?limit=250"]
    groups = client.get(addresses[1]).json()["results"]
    addresses += [f"/api/v1/observability/errors/{group['id']}" for group in groups]
    addresses += [f"/api/v1/executions/{pk}" for pk in ids]
    addresses += [f"/t/{member.tenant.slug}/executions/{pk}" for pk in ids[:10]]
    answers = [client.get(address) for address in addresses]

    assert found == []
    assert groups
    assert {answer.status_code for answer in answers} == {200}
    told = [answer for answer in answers if MARK.lower() in answer.content.decode().lower()]
    assert [answer.request["PATH_INFO"] for answer in told] == []
    records = [*caplog.get_records("setup"), *caplog.get_records("call")]
    logged = "".join([*(record.getMessage() for record in records), *capfd.readouterr()])
    assert "request_finished" in logged
    assert MARK.lower() not in logged.lower()
