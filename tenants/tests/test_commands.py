from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tenants.models import ApiToken, AuditEntry, Membership, Tenant, User
from tenants.scope import operator_scope
from tenants.tokens import find_token

pytestmark = pytest.mark.django_db


def run(*words):
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue().strip()


def test_add_tenant_prints_only_the_id():
    printed = run("add_tenant", "acme", "--name", "Acme Ltd", "--retention-days", "30")

    with operator_scope():
        tenant = Tenant.objects.get()
    assert (str(tenant.pk), tenant.slug, tenant.name, tenant.retention_days) == (
        printed,
        "acme",
        "Acme Ltd",
        30,
    )


def test_add_tenant_again_changes_what_is_given_and_keeps_the_rest():
    first = run("add_tenant", "acme", "--name", "Acme Ltd", "--retention-days", "30")

    second = run("add_tenant", "acme", "--retention-days", "5")

    with operator_scope():
        tenant = Tenant.objects.get()
        changes = AuditEntry.objects.get(action="changed tenant").changes
    assert first == second
    assert (tenant.name, tenant.retention_days) == ("Acme Ltd", 5)
    assert changes == {"retention_days": 5}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["no spaces"], "slug"),
        (["acme", "--retention-days", "0"], "retention_days"),
        (["acme", "--retention-days", "3651"], "retention_days"),
        (["acme", "--name", ""], "name"),
    ],
)
def test_add_tenant_refuses_bad_values_and_leaves_nothing(words, sentence):
    with pytest.raises(CommandError, match=sentence):
        run("add_tenant", *words)

    with operator_scope():
        assert not Tenant.objects.exists()


def test_create_token_prints_a_secret_that_works():
    run("add_tenant", "acme")

    secret = run("create_token", "--tenant", "acme", "--role", "viewer")

    token = find_token(secret)
    assert token is not None
    assert token.tenant.slug == "acme"


def test_create_token_names_the_tenants_there_are():
    run("add_tenant", "acme")

    with pytest.raises(CommandError, match="no tenant “nope”; there are: acme"):
        run("create_token", "--tenant", "nope", "--role", "viewer")

    with operator_scope():
        assert not ApiToken.objects.exists()


def test_first_run_makes_tenant_and_admin_once(settings):
    settings.ADMIN_PASSWORD = "chosen-password"

    first, second = run("first_run"), run("first_run")

    assert first == "name: admin\npassword: chosen-password"
    assert second == ""
    assert User.objects.get().check_password("chosen-password")
    with operator_scope():
        assert Membership.objects.get().tenant.slug == "default"
