"""One stream by itself: what ends it, what keeps it, and what it does with a slow client."""

import asyncio
import json
from contextlib import suppress
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_eventstream.event import Event

from tenants import stream
from tenants.listeners import CALLED_AT_ONCE, MOST_WAITING, RIGHTS_CHANGED, Listeners
from tenants.models import ApiToken, Role
from tenants.realtime import Bearer, channel_of, tell
from tenants.scope import operator_scope, tenant_scope
from tenants.stream import KEEP_ALIVE, Rights, Stream, position_in
from tenants.tests.factories import MembershipFactory
from tenants.tokens import create_token

LONG = 30.0


@pytest.fixture
def membership(transactional_db):
    with operator_scope():
        return MembershipFactory()


@pytest.fixture
def channel(membership):
    return channel_of(membership.tenant_id)


@pytest.fixture
def listeners(monkeypatch):
    """Without an ear: what is called out is called out by the test."""
    listeners = Listeners()
    monkeypatch.setattr(listeners, "begin_hearing", lambda: None)
    monkeypatch.setattr(stream, "LISTENERS", listeners)
    return listeners


@pytest.fixture
def token(membership):
    with tenant_scope(membership.tenant_id):
        return create_token(tenant=membership.tenant, name="page", role=Role.VIEWER)[0]


@pytest.fixture
def opened(listeners, channel, token):
    """A stream of a holder of a token, or of other rights."""

    def open_stream(rights=None, last_event_id=""):
        rights = rights or Rights(Bearer(token), channel)
        listener = listeners.open_for("somebody", channel, at_most=9)
        return Stream(listener, rights, last_event_id)

    return open_stream


async def all_of(one):
    async with asyncio.timeout(LONG):
        return [text async for text in one.told()]


async def elsewhere(work, *arguments):
    """In a thread, since the loop may not speak to the database."""

    def run():
        try:
            work(*arguments)
        finally:
            connection.close()

    await asyncio.to_thread(run)


def often(monkeypatch, **values):
    for name, value in values.items():
        monkeypatch.setattr(stream, name, value)


def test_an_expired_session_ends_its_stream_by_the_regular_look(opened, membership, monkeypatch):
    browser = Client()
    browser.force_login(membership.user)
    rights = Rights(membership.user, channel_of(membership.tenant_id), browser.session.session_key)
    often(monkeypatch, CHECK_RIGHTS=0.01, HEARTBEAT=0.005)

    async def listen():
        told = opened(rights).told()
        async with asyncio.timeout(LONG):
            # It goes on for some looks, until there is no session any more.
            for _ in range(5):
                await anext(told)
            await elsewhere(expire)
            return [text async for text in told]

    def expire():
        Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))

    assert set(asyncio.run(listen())) <= {KEEP_ALIVE}


@pytest.mark.parametrize(
    "change",
    [{"revoked_at": timezone.now()}, {"expires_at": timezone.now()}],
    ids=lambda c: [*c][0],
)
def test_a_token_that_ended_ends_its_stream_though_nobody_called(
    opened, token, monkeypatch, change
):
    with tenant_scope(token.tenant_id):
        ApiToken.objects.update(**change)
    often(monkeypatch, CHECK_RIGHTS=0.01, HEARTBEAT=0.005)

    _retry, _open, *later = asyncio.run(all_of(opened()))

    assert set(later) <= {KEEP_ALIVE}


def test_the_look_is_at_least_once_a_minute():
    assert stream.CHECK_RIGHTS <= 60


def test_a_stream_ends_by_itself_and_leaves_no_listener(opened, listeners, channel, monkeypatch):
    often(monkeypatch, LIFE=(0.01, 0.02), HEARTBEAT=0.005)

    texts = asyncio.run(all_of(opened()))

    assert texts[0].startswith("retry: ")
    assert texts[1].startswith("event: open")
    assert listeners.open_for("somebody", channel, at_most=1) is not None


def test_it_says_something_while_there_is_no_news(opened, monkeypatch):
    often(monkeypatch, LIFE=(0.1, 0.1), HEARTBEAT=0.005)

    assert KEEP_ALIVE in asyncio.run(all_of(opened()))


def test_a_client_that_takes_nothing_is_let_go(opened, listeners, channel, monkeypatch):
    often(monkeypatch, PATIENCE=0.01)

    async def take_nothing():
        async for _ in opened().told():
            await asyncio.Event().wait()

    async def listen():
        async with asyncio.timeout(LONG):
            with suppress(asyncio.CancelledError):
                await asyncio.create_task(take_nothing())

    asyncio.run(listen())
    assert listeners.open_for("somebody", channel, at_most=1) is not None


def test_what_waits_for_a_slow_client_is_bounded_and_the_rest_is_read(
    opened, listeners, membership, channel
):
    tenant_id, count = membership.tenant_id, MOST_WAITING * 3

    async def listen():
        one = opened()
        told = one.told()
        async with asyncio.timeout(LONG):
            await anext(told), await anext(told)
            for number in range(1, count + 1):
                await elsewhere(tell, tenant_id, "notice", {"number": number})
                listeners.hear(message(channel, number))
            assert len(one.listener.events) == MOST_WAITING
            texts = ""
            while texts.count("event: ") < count:
                texts += await anext(told)
        return [json.loads(line[6:])["number"] for line in texts.splitlines() if "data" in line]

    assert asyncio.run(listen()) == list(range(1, count + 1))


def message(channel, number):
    data = json.dumps({"number": number})
    said = {"channel": channel, "event_type": "notice", "data": data, "pub_id": str(number)}
    return json.dumps(said).encode()


def test_all_streams_are_called_some_at_a_time():
    listeners = Listeners()
    count = CALLED_AT_ONCE * 2 + 1

    async def call():
        held = [listeners.open_for(n, "tenant-1", at_most=1) for n in range(count)]
        listeners.hear(message("tenant-1", 1))
        called = [sum(one.called.is_set() for one in held)]
        async with asyncio.timeout(LONG):
            await asyncio.gather(*(one.called.wait() for one in held))
        return [*called, [one.events for one in held]]

    first, events = asyncio.run(call())
    assert first == CALLED_AT_ONCE
    assert events == [[Event("tenant-1", "notice", '{"number": 1}', 1)]] * count


def test_only_the_streams_of_whose_rights_changed_are_looked_at():
    listeners = Listeners()
    changed, other = (listeners.open_for(who, "tenant-1", at_most=1) for who in (1, 2))

    async def say():
        said = {"channel": "", "event_type": RIGHTS_CHANGED, "data": "1", "pub_id": None}
        listeners.hear(json.dumps(said).encode())

    asyncio.run(say())
    assert (changed.must_check, other.must_check) == (True, False)


def test_what_was_called_out_before_the_ear_heard_is_looked_at_once_it_does():
    """Rights that changed meanwhile would otherwise go on for a minute."""
    listeners = Listeners()
    streams = [listeners.open_for(who, "tenant-1", at_most=1) for who in (1, 2)]

    async def begin():
        listeners.catch_up()

    asyncio.run(begin())
    assert [(stream.must_read, stream.must_check) for stream in streams] == [(True, True)] * 2


@pytest.mark.parametrize(
    ("last_event_id", "position"),
    [
        ("tenant-1:7", 7),
        ("tenant%2D1:7", 7),
        ("tenant-2:7", None),
        ("tenant-1:", None),
        ("tenant-1:-7", None),
        ("tenant-1:٧", None),
        ("tenant-1:9999999999999999999", None),
        ("7", None),
        ("", None),
    ],
)
def test_an_id_is_a_position_in_its_own_channel_only(last_event_id, position):
    assert position_in("tenant-1", last_event_id) == position
