"""What the probes answer while parts are away."""

import time
import uuid
from contextlib import contextmanager

import pytest
from django.core.cache import cache
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.db.utils import OperationalError
from kombu.exceptions import OperationalError as BrokerError

from observatory import heartbeat
from observatory.celery import app
from observatory.tasks import note_heartbeat

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def beating(monkeypatch):
    """Under a name of its own: tests beside this one share the cache."""
    monkeypatch.setattr(heartbeat, "KEY", f"heartbeat-{uuid.uuid4()}")
    note_heartbeat()
    yield
    cache.delete(heartbeat.KEY)


@contextmanager
def no_database(*_args, **_kwargs):
    raise OperationalError("refused")
    yield


def test_all_is_well(client):
    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["degraded"]) == (200, False)
    assert client.get("/livez").content == b"ok"


def test_without_the_database_it_is_not_ready(client, monkeypatch):
    monkeypatch.setattr(connection, "cursor", no_database)

    answer = client.get("/readyz")

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer.json()["database"] == "The database does not answer."


def test_without_a_migration_it_is_not_ready(client, monkeypatch):
    monkeypatch.setattr(MigrationRecorder, "applied_migrations", lambda self: {})

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert "manage.py migrate" in answer.json()["migrations"]


def test_without_redis_it_serves_but_says_so(client, monkeypatch):
    @contextmanager
    def refused(**_):
        raise BrokerError("refused")
        yield

    monkeypatch.setattr(app, "connection_for_read", refused)

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["degraded"]) == (200, True)
    assert answer.json()["redis"] == "Redis does not answer."


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        (None, "has not run yet"),
        ("garbage", "has not run yet"),
        (500, "last ran 50"),
    ],
)
def test_a_timetable_that_stands_still_is_told(client, kept, words):
    last = time.time() - kept if isinstance(kept, int) else kept
    cache.set(heartbeat.KEY, last, timeout=None)

    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert words in answer.json()["beat"]
