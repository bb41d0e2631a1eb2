"""Pages whose numbers move ask again by themselves, whatever the browser can do."""

import pytest
from django.urls import reverse

from executions.tests.factories import EnvironmentFactory
from tenants.scope import operator_scope
from tenants.tests.factories import MembershipFactory

pytestmark = pytest.mark.django_db
MOVING = ("overview", "workflows", "errors", "credentials", "environments")


@pytest.fixture
def member(client):
    with operator_scope():
        membership = MembershipFactory()
        EnvironmentFactory(tenant=membership.tenant)
    client.force_login(membership.user)
    return membership


@pytest.mark.parametrize("name", MOVING)
def test_it_is_slowly_asked_for_again(client, member, name):
    page = client.get(reverse(f"analytics:{name}", args=[member.tenant.slug])).content.decode()

    assert '<noscript><meta http-equiv="refresh" content="60"></noscript>' in page
    # Where there is a script and no stream.
    assert 'hx-trigger="every ' in page
