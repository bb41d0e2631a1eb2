"""Push tokens: one an environment, shown once, replaced, revoked; nobody else's."""

import pytest
from django.contrib.messages import get_messages

from executions.models import Environment, Execution
from executions.push.models import PushToken
from executions.push.tokens import issue_token, revoke_token
from executions.tests.factories import EnvironmentFactory
from executions.tests.push.conftest import ERRORS, TRACES, sample
from tenants.audit import SYSTEM
from tenants.models import AuditEntry, Role
from tenants.scope import operator_scope, tenant_scope
from tenants.tests.factories import MembershipFactory
from tenants.tokens import create_token

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client, environment):
    with operator_scope():
        member = MembershipFactory(tenant=environment.tenant, role=Role.ADMIN)
    client.force_login(member.user)
    return client


def page(environment, tail=""):
    return f"/t/{environment.tenant.slug}/environments/{environment.pk}{tail}"


def count():
    with operator_scope():
        return Execution.objects.count()


@pytest.mark.parametrize("to", [TRACES, ERRORS])
@pytest.mark.parametrize("token", ["", "nobp_wrong", "nobs_" + "a" * 43, "nobp_" + "x" * 5000])
def test_without_a_usable_token_nothing_is_taken(send, to, token):
    answer = send(sample("success.pb"), to=to, token=token)

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"
    assert count() == 0


def test_a_token_of_the_api_is_no_push_token(send, environment):
    with tenant_scope(environment.tenant_id):
        _, other = create_token(tenant=environment.tenant, name="api", role=Role.OWNER)

    assert send(sample("success.pb"), token=other).status_code == 401


def test_a_push_token_opens_nothing_else(client, secret):
    answer = client.get("/api/v1/executions", headers={"Authorization": f"Bearer {secret}"})

    assert answer.status_code == 401


def test_the_token_may_come_in_a_header_of_its_own(send, secret):
    answer = send(sample("success.pb"), token="", X_Observatory_Token=secret)

    assert answer.status_code == 200


def test_what_comes_belongs_to_the_tokens_tenant_and_environment(send, environment):
    with operator_scope():
        theirs = EnvironmentFactory()
    with tenant_scope(theirs.tenant_id):
        _, other = issue_token(theirs, actor=SYSTEM)
        type(theirs.tenant).objects.filter(pk=theirs.tenant_id).update(retention_days=3650)

    send(sample("success.pb"), token=other)

    with operator_scope():
        row = Execution.objects.get()
    assert (row.tenant_id, row.environment_id) == (theirs.tenant_id, theirs.pk)
    assert row.environment_id != environment.pk


def test_only_a_digest_is_kept(environment, secret):
    with tenant_scope(environment.tenant_id):
        values = PushToken.objects.values().get()

    assert secret not in str(values)
    assert values["last_four"] == secret[-4:]


def test_a_replaced_token_is_good_for_nothing(send, environment, secret):
    with tenant_scope(environment.tenant_id):
        _, newer = issue_token(environment, actor=SYSTEM)

    assert send(sample("success.pb"), token=secret).status_code == 401
    assert send(sample("success.pb"), token=newer).status_code == 200


def test_a_revoked_token_is_good_for_nothing(send, environment):
    with tenant_scope(environment.tenant_id):
        revoke_token(environment, actor=SYSTEM)
        actions = list(AuditEntry.objects.order_by("at").values_list("action", flat=True))

    assert send(sample("success.pb")).status_code == 401
    assert actions == ["issued push token", "revoked push token"]


def test_it_goes_with_its_environment(send, environment):
    with tenant_scope(environment.tenant_id):
        Environment.objects.get(pk=environment.pk).delete()

    assert send(sample("success.pb")).status_code == 401


def test_the_api_makes_shows_and_revokes_it(admin, environment):
    address = f"/api/v1/environments/{environment.pk}"
    assert admin.get(address).json()["push"] is None

    made = admin.post(f"{address}/push-token")
    shown = admin.get(address).json()["push"]
    revoked = admin.delete(f"{address}/push-token")

    secret = made.json()["token"]
    assert (made.status_code, revoked.status_code) == (201, 204)
    assert made["Cache-Control"] == "no-store"
    assert made.json()["settings"] == {
        "N8N_OTEL_ENABLED": "true",
        "N8N_OTEL_EXPORTER_OTLP_ENDPOINT": "http://testserver/api/v1/otlp",
        "N8N_OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer {secret}",
    }
    assert (shown["token_last_four"], shown["runs_today"]) == (secret[-4:], 0)
    assert secret not in str(shown)
    assert admin.get(address).json()["push"]["revoked_at"]


def test_the_page_shows_the_secret_once(admin, environment):
    made = admin.post(page(environment, "/push-token")).content.decode()
    later = admin.get(page(environment)).content.decode()

    secret = made.partition("<code>nobp_")[2].partition("</code>")[0]
    assert len(secret) == 43
    assert f"N8N_OTEL_EXPORTER_OTLP_HEADERS=Authorization=Bearer nobp_{secret}" in made
    assert secret not in later
    assert f"ends in {secret[-4:]}" in later


def test_the_page_says_whether_traces_arrive(admin, environment):
    secret = admin.post(f"/api/v1/environments/{environment.pk}/push-token").json()["token"]
    admin.post(
        TRACES,
        data=sample("mixed.pb"),
        content_type="application/x-protobuf",
        headers={"Authorization": f"Bearer {secret}"},
    )

    text = admin.get(page(environment)).content.decode()

    assert "<dt>Runs told today (UTC)</dt><dd>40</dd>" in text


def test_revoking_on_the_page_leads_back_to_it(admin, environment, secret):
    answer = admin.post(page(environment, "/push-token/revoke"))

    assert answer.url == page(environment)
    assert "is revoked" in admin.get(page(environment)).content.decode()
    assert list(get_messages(answer.wsgi_request)) == []


def test_a_viewer_sees_the_state_but_no_buttons(client, environment, secret):
    with operator_scope():
        member = MembershipFactory(tenant=environment.tenant, role=Role.VIEWER)
    client.force_login(member.user)

    text = client.get(page(environment)).content.decode()

    assert "Traces came last" in text
    assert "Replace the token" not in text
    assert secret not in text
