"""A Redis that goes away while clients listen, and comes back."""

import json
import time

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from executions.tests.faults.stage import eventually
from observatory.stack.processes import spawn
from observatory.stack.valkey import Valkey
from observatory.tests.live.conftest import free_port
from tenants.realtime import tell

pytestmark = pytest.mark.processes


class OwnRedis:
    """A server that nobody else uses, so that it can be killed."""

    def __init__(self, folder):
        self.valkey = Valkey(folder / "valkey", free_port(), "secret", is_durable=False)
        self.valkey.prepare()
        self.log = (folder / "valkey.log").open("wb")
        self.process = None

    def start(self):
        self.process = spawn(self.valkey.program(), self.log.fileno())
        eventually(self.valkey.is_ready)

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def own_redis(tmp_path, monkeypatch):
    server = OwnRedis(tmp_path)
    server.start()
    client = Redis.from_url(server.valkey.url, retry=Retry(NoBackoff(), 0), socket_timeout=2)
    monkeypatch.setattr("django_eventstream.eventstream.redis_client", client)
    yield server
    client.close()
    server.kill()
    server.log.close()


@pytest.fixture
def client(web, own_redis, listen):
    web.start(REDIS_URL=own_redis.valkey.url)
    return listen()


def say(membership, number):
    assert tell(membership.tenant_id, "counts.update", {"total_executions": number})


def totals(client):
    return [json.loads(one.data)["total_executions"] for one in client.heard if one.kind != "open"]


@pytest.mark.parametrize(
    "seconds", [3, pytest.param(40, marks=pytest.mark.slow)], ids=["short", "long"]
)
def test_what_was_said_while_redis_was_away_comes_by_itself_when_it_is_back(
    own_redis, client, membership, seconds
):
    say(membership, 1)
    eventually(lambda: totals(client) == [1])

    own_redis.kill()
    say(membership, 2)
    away_until = time.monotonic() + seconds
    eventually(lambda: time.monotonic() > away_until, seconds=seconds + 1)
    say(membership, 3)
    assert totals(client) == [1]
    own_redis.start()

    # Nothing more is said: the stored events come because Redis can be heard again.
    eventually(lambda: totals(client) == [1, 2, 3])
    say(membership, 4)
    eventually(lambda: totals(client) == [1, 2, 3, 4])
    assert len(client.connected_at) == 1


def test_what_is_no_event_of_ours_is_passed_over(own_redis, client, membership):
    with Redis.from_url(own_redis.valkey.url) as anybody:
        for nonsense in ("", "{", "[]", "null", '{"channel": 5}', "\xff"):
            anybody.publish("events_channel", nonsense)
    say(membership, 1)

    eventually(lambda: totals(client) == [1])


def test_events_called_out_twice_or_out_of_order_are_told_once_and_in_order(
    own_redis, client, membership, monkeypatch
):
    said = []
    with Redis.from_url(own_redis.valkey.url) as real:
        monkeypatch.setattr(
            "django_eventstream.eventstream.redis_client.publish", lambda *args: said.append(args)
        )
        for number in (1, 2, 3):
            say(membership, number)
        for late in (said[2], said[0], said[0], said[1], said[2]):
            real.publish(*late)
        eventually(lambda: len(totals(client)) == 3)
        for late in said:
            real.publish(*late)
        monkeypatch.undo()
    assert totals(client) == [1, 2, 3]
