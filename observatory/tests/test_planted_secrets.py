"""Secrets in the errors of an n8n are found nowhere afterwards: no dump, log, answer or page."""

from urllib.parse import urlsplit

import pytest
from django.db import connection

from analytics.tests.counting import refresh_all
from executions import sync
from executions.models import Execution
from executions.n8n.fake import FakeN8n
from executions.n8n.fake_server import client_of
from executions.tests.factories import EnvironmentFactory
from observatory import backup
from tenants.models import Role
from tenants.scope import operator_scope
from tenants.tests.factories import MembershipFactory

pytestmark = pytest.mark.django_db(transaction=True)

MARK = "Planted"
SECRETS = (
    "Incorrect API key provided: sk-Planted0123456789AbCdEf",
    "401 with Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.UGxhbnRlZFBsYW50ZWQ.PlantedSignature01",
    "connect ECONNREFUSED postgres://n8n:Planted-pass@db.internal:5432/shop",
    "Request failed: https://api.telegram.org/bot123456789:AAPlanted-0123456789abcdefghij0/send",
    '{"error":"bad","client_secret":"Planted0123","password":"Planted word"}',
    "GET https://shop:Planted-pass@api.shop.example/v1/orders?api_key=Planted0123456789AbCd failed",
    "key AKIAPLANTED0123456789 and xoxb-123456789012-Planted0123456789",
)


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


@pytest.fixture
def dumped(settings, tmp_path):
    """Whether a dump of the whole database holds the mark."""
    name = connection.settings_dict["NAME"]
    url = urlsplit(settings.DATABASE_OWNER_URL)._replace(path=f"/{name}").geturl()
    settings.DATABASE_OWNER_URL = url

    def has_the_mark():
        target = tmp_path / "dump.sql"
        backup._run("pg_dump", f"--file={target}")
        dump = target.read_text("utf-8", "replace")
        assert "COPY public.executions " in dump
        return MARK.lower() in dump.lower()

    return has_the_mark


def test_no_secret_is_in_a_dump(member, dumped):
    with operator_scope():
        assert Execution.objects.exclude(error_message="").count() == len(SECRETS) * 5

    assert not dumped()


def test_the_dump_would_show_one(member, dumped):
    with operator_scope():
        Execution.objects.filter(pk=Execution.objects.first().pk).update(error_message=MARK)

    assert dumped()


def test_no_secret_is_told_by_an_answer_a_page_or_the_log(capfd, caplog, client, member):
    client.force_login(member.user)
    with operator_scope():
        runs = list(Execution.objects.values_list("pk", flat=True))
    api, top = "/api/v1", f"/t/{member.tenant.slug}"
    groups = client.get(f"{api}/observability/errors?limit=250").json()["results"]

    draft = "name=x&kind=glob&pattern=*"
    addresses = [
        *(f"{api}/executions/{pk}" for pk in runs),
        *(f"{api}/observability/errors/{group['id']}" for group in groups),
        f"{api}/executions?limit=250",
        f"{api}/executions/export?format=ndjson",
        f"{api}/observability/errors?limit=250",
        f"{api}/observability/overview",
        f"{api}/observability/credentials",
        *(f"{top}/executions/{pk}" for pk in runs[:10]),
        *(f"{top}/errors/{group['id']}" for group in groups),
        *(f"{top}{page}" for page in ("/", "/executions", "/errors?tab=all", "/workflows")),
        *(f"{top}/errors/{page}" for page in ("credentials", "rules", f"rules?{draft}")),
    ]
    answers = {address: client.get(address) for address in addresses}

    assert len(groups) > len(SECRETS)
    assert {answer.status_code for answer in answers.values()} == {200}
    assert [one for one, answer in answers.items() if MARK.lower() in text_of(answer)] == []
    records = [*caplog.get_records("setup"), *caplog.get_records("call")]
    logged = "".join([*(record.getMessage() for record in records), *capfd.readouterr()])
    assert "request_finished" in logged
    assert MARK.lower() not in logged.lower()


def text_of(answer):
    return answer.getvalue().decode().lower()
