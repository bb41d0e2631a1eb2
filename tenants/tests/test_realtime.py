import json
import uuid
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from django_eventstream.models import Event
from redis.exceptions import ConnectionError as RedisConnectionError

from tenants import tasks
from tenants.models import ApiToken, Membership, Role, User
from tenants.realtime import Bearer, TenantChannels, channel_of, publish, tell
from tenants.scope import operator_scope, tenant_scope
from tenants.tests.factories import MembershipFactory, UserFactory
from tenants.tokens import create_token

pytestmark = pytest.mark.django_db


@pytest.fixture
def membership():
    with operator_scope():
        return MembershipFactory()


@pytest.fixture
def token(membership):
    with tenant_scope(membership.tenant_id):
        return create_token(tenant=membership.tenant, name="page", role=Role.VIEWER)


def may_listen(user, tenant_id):
    return TenantChannels().can_read_channel(user, channel_of(tenant_id))


def test_a_member_may_listen_and_nobody_else(membership):
    with operator_scope():
        other = MembershipFactory()

    assert may_listen(membership.user, membership.tenant_id)
    assert not may_listen(other.user, membership.tenant_id)
    assert not may_listen(UserFactory(), membership.tenant_id)
    assert not may_listen(None, membership.tenant_id)


@pytest.mark.parametrize("channel", ["events", "tenant-", "tenant-nonsense", "", "room-1"])
def test_a_channel_that_is_no_tenants_is_denied(membership, channel):
    assert not TenantChannels().can_read_channel(membership.user, channel)


def test_a_member_who_is_removed_may_no_longer_listen(membership):
    with operator_scope():
        Membership.objects.all().delete()

    assert not may_listen(membership.user, membership.tenant_id)


def test_an_account_that_is_closed_may_no_longer_listen(membership):
    User.objects.update(is_active=False)

    assert not may_listen(membership.user, membership.tenant_id)


def test_a_token_may_listen_until_it_is_revoked(membership, token):
    listener = Bearer(token[0])
    assert may_listen(listener, membership.tenant_id)
    assert not may_listen(listener, uuid.uuid4())

    with tenant_scope(membership.tenant_id):
        ApiToken.objects.all().delete()

    assert not may_listen(listener, membership.tenant_id)


def test_the_stream_of_another_tenant_does_not_exist(client, membership):
    client.force_login(membership.user)

    assert client.get(f"/api/v1/sse/counts/{uuid.uuid4()}").status_code == 404


def test_nobody_gets_no_stream(client, membership):
    assert client.get(f"/api/v1/sse/counts/{membership.tenant_id}").status_code == 401


def test_a_server_that_cannot_stream_says_so_in_a_way_that_ends_the_asking(
    client, membership, token
):
    address = f"/api/v1/sse/counts/{membership.tenant_id}"

    by_token = client.get(address, headers={"Authorization": f"Bearer {token[1]}"})
    client.force_login(membership.user)

    assert (by_token.status_code, client.get(address).status_code) == (204, 204)


def test_an_event_is_stored_for_those_who_are_away(membership, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        publish(membership.tenant_id, "sync.progress", {"current": 5})

    event = Event.objects.get(channel=channel_of(membership.tenant_id), type="sync.progress")
    assert json.loads(json.loads(event.data)) == {"current": 5}


def test_so_many_events_of_each_tenant_are_kept_and_no_more(membership, settings):
    settings.EVENTS_PER_TENANT = 3
    with operator_scope():
        quiet = MembershipFactory()
    for number in range(5):
        tell(membership.tenant_id, "notice", {"number": number})
    tell(quiet.tenant_id, "notice", {})

    tasks.trim_events()

    assert numbers_kept(membership) == [3, 4, 5]
    assert numbers_kept(quiet) == [0, 1]


def test_events_are_kept_for_so_many_hours_and_the_newest_for_ever(membership, settings):
    settings.EVENT_HOURS = 2
    for number in range(4):
        tell(membership.tenant_id, "notice", {"number": number})
    now = timezone.now()
    Event.objects.filter(eid=2).update(created=now - timedelta(minutes=119))
    Event.objects.exclude(eid=2).update(created=now - timedelta(minutes=121))

    tasks.trim_events()

    assert numbers_kept(membership) == [2, 4]


def numbers_kept(membership):
    found = Event.objects.filter(channel=channel_of(membership.tenant_id))
    return sorted(found.values_list("eid", flat=True))


def test_nothing_is_sent_where_the_transaction_is_rolled_back(
    membership, django_capture_on_commit_callbacks
):
    with (
        django_capture_on_commit_callbacks(execute=True) as callbacks,
        pytest.raises(ZeroDivisionError),
        transaction.atomic(),
    ):
        publish(membership.tenant_id, "sync.progress", {})
        _ = 1 / 0

    assert callbacks == []
    assert not Event.objects.filter(channel=channel_of(membership.tenant_id)).exists()


def test_a_redis_that_is_away_does_not_fail_the_sender(
    membership, monkeypatch, django_capture_on_commit_callbacks
):
    def away(*args):
        raise RedisConnectionError("away")

    monkeypatch.setattr("django_eventstream.eventstream.redis_client.publish", away)

    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        publish(membership.tenant_id, "sync.progress", {"current": 5})

    assert len(callbacks) == 1
