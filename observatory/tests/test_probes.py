"""What the probes answer while parts are away."""

import socket
import time
import uuid
from contextlib import contextmanager

import pytest
from django.core.cache import cache
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.db.utils import OperationalError

from observatory import heartbeat
from observatory.tasks import note_heartbeat
from tenants.scope import operator_scope
from tenants.tests.factories import MembershipFactory

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


@pytest.fixture(params=["silent", "refusing"])
def redis_away(request, settings):
    """A Redis that takes connections and never answers, as one that hangs, or none at all."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings.REDIS_URL = f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
        settings.CACHES = {
            "default": {**settings.CACHES["default"], "LOCATION": settings.REDIS_URL}
        }
        if request.param == "refusing":
            listener.close()
        yield


def test_without_redis_it_serves_but_says_so(client, redis_away):
    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["degraded"]) == (200, True)
    assert answer.json()["redis"] == "Redis does not answer."


def test_without_redis_the_api_goes_on_without_its_limits(client, redis_away):
    with operator_scope():
        member = MembershipFactory()
    client.force_login(member.user)

    answer = client.get("/api/v1/environments", HTTP_X_TENANT=member.tenant.slug)

    assert answer.status_code == 200


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
