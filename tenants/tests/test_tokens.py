from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from tenants.models import ApiToken, Role
from tenants.scope import operator_scope, tenant_scope
from tenants.tests.factories import TenantFactory
from tenants.tokens import create_token, find_token

pytestmark = pytest.mark.django_db


@pytest.fixture
def tenant():
    with operator_scope():
        return TenantFactory()


def make(tenant, **values):
    with tenant_scope(tenant.pk):
        return create_token(tenant=tenant, name="script", role=Role.VIEWER, **values)


def test_it_finds_a_token_by_its_secret_and_enters_its_tenant(tenant):
    token, secret = make(tenant)

    with transaction.atomic():
        assert find_token(secret) == token
        assert ApiToken.objects.count() == 1


def test_it_keeps_no_part_of_the_secret_but_its_end(tenant):
    token, secret = make(tenant)

    stored = " ".join(str(value) for value in token.__dict__.values())

    assert secret[5:-4] not in stored
    assert token.last_four == secret[-4:]


@pytest.mark.parametrize("secret", ["", "nobs_", "nobs_" + "a" * 43, "x" * 10_000, "nobs_\0é"])
def test_it_finds_nothing_for_a_wrong_secret(tenant, secret):
    make(tenant)

    assert find_token(secret) is None


def test_it_refuses_an_expired_and_a_revoked_token(tenant):
    _, expired = make(tenant, expires_at=timezone.now() - timedelta(seconds=1))
    token, revoked = make(tenant)
    with tenant_scope(tenant.pk):
        ApiToken.objects.filter(pk=token.pk).update(revoked_at=timezone.now())

    assert find_token(expired) is None
    assert find_token(revoked) is None


def test_it_notes_the_use_at_most_once_a_minute(tenant):
    token, secret = make(tenant)

    find_token(secret)
    with tenant_scope(tenant.pk):
        first = ApiToken.objects.get(pk=token.pk).last_used_at
    find_token(secret)

    with tenant_scope(tenant.pk):
        assert ApiToken.objects.get(pk=token.pk).last_used_at == first
    assert first is not None
