"""Streams of a real server: what is told, once, in order, to whom, across restarts."""

import json

import pytest
from django.db import connection

from executions.tests.faults.stage import eventually
from tenants import tasks
from tenants.realtime import channel_of, tell
from tenants.scope import operator_scope, tenant_scope
from tenants.tests.factories import MembershipFactory
from tenants.tokens import create_token

pytestmark = pytest.mark.processes


def say(membership, *numbers):
    for number in numbers:
        assert tell(membership.tenant_id, "counts.update", {"total_executions": number})


def totals(client):
    return [
        json.loads(one.data)["total_executions"]
        for one in client.heard
        if one.kind == "counts.update"
    ]


def kinds(client):
    return [one.kind for one in client.heard]


def test_each_event_comes_once_and_in_order_across_restarts_of_the_server(web, listen, membership):
    web.start()
    clients = [listen() for _ in range(3)]
    say(membership, 1, 2)
    eventually(lambda: all(totals(client) == [1, 2] for client in clients))

    web.stop()
    say(membership, 3)
    web.start()
    say(membership, 4)
    eventually(lambda: all(4 in totals(client) for client in clients))
    web.kill()
    say(membership, *range(5, 30))
    web.start()
    say(membership, 30)

    eventually(lambda: all(30 in totals(client) for client in clients))
    assert all(totals(client) == list(range(1, 31)) for client in clients)
    assert all(kinds(client)[0] == "open" for client in clients)


def test_the_answer_is_kept_by_no_cache_and_held_back_by_no_proxy(web, listen):
    web.start()
    client = listen()

    head = client.head.decode().lower()
    assert "content-type: text/event-stream" in head
    assert "cache-control: no-store" in head
    assert "x-accel-buffering: no" in head
    # Pages of other origins may not read it.
    assert "access-control" not in head
    assert 1 <= client.retry <= 6


@pytest.mark.parametrize(
    "last_id",
    [
        "{channel}:999999",
        "{channel}:-1",
        "{channel}:99999999999999999999",
        "{channel}:",
        "tenant-01a20e87-cd89-73a6-a00b-8029001c65d4:1",
        "error",
        "🐟",
        ",:,:,",
    ],
)
def test_an_id_that_is_none_of_ours_brings_a_reset_and_then_what_is_new(
    web, listen, membership, last_id
):
    web.start()
    say(membership, 1)
    client = listen(last_id=last_id.format(channel=channel_of(membership.tenant_id)))
    eventually(lambda: client.heard)

    say(membership, 2)

    eventually(lambda: totals(client))
    assert (kinds(client), totals(client)) == (["reset", "counts.update"], [2])


def test_who_was_away_for_minutes_hears_what_was_missed(web, listen, audience, membership):
    web.start()
    client = listen()
    say(membership, 1)
    eventually(lambda: totals(client))
    audience.leave(client)
    # More than the storage is asked for at once.
    say(membership, *range(2, 300))

    again = listen(last_id=client.last_id)

    eventually(lambda: 299 in totals(again))
    assert totals(again) == list(range(2, 300))
    assert again.missed_or_doubled == 0


def test_who_was_away_too_long_gets_a_reset(web, listen, audience, membership):
    web.start()
    client = listen()
    say(membership, 1)
    eventually(lambda: totals(client))
    audience.leave(client)
    say(membership, 2, 3)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_eventstream_event SET created = now() - interval '2 days'")
    tasks.trim_events()

    again = listen(last_id=client.last_id)
    eventually(lambda: again.heard)
    say(membership, 4)

    eventually(lambda: totals(again))
    assert (kinds(again), totals(again)) == (["reset", "counts.update"], [4])


def test_one_holder_may_have_so_many_streams_and_no_more(web, audience, listen, membership, token):
    web.start(OBSERVATORY_STREAMS_PER_USER="2")
    first, _ = listen(), listen()
    third = audience.join(membership.tenant_id, token)
    eventually(lambda: third.statuses)

    assert third.statuses[0] == 429
    audience.leave(first)
    eventually(lambda: third.is_open)


def test_tenants_hear_nothing_of_each_other(web, audience, listen, membership):
    web.start()
    with operator_scope():
        other = MembershipFactory()
    with tenant_scope(other.tenant_id):
        theirs = create_token(tenant=other.tenant, name="page", role="viewer")[1]
    stranger, client = audience.join(other.tenant_id, theirs), listen()
    eventually(lambda: stranger.heard)

    say(membership, 1)
    say(other, 2)

    eventually(lambda: totals(client) and totals(stranger))
    assert (totals(client), totals(stranger)) == ([1], [2])


def test_idle_streams_hold_no_connection_of_the_database(web, listen):
    web.start(OBSERVATORY_DB_POOL="2")
    clients = [listen() for _ in range(8)]

    assert all(client.is_open for client in clients)
