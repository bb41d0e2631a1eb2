"""What the bench of an upgrade sees of a table that somebody locks."""

import threading

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from executions.tests.factories import EnvironmentFactory, ExecutionFactory
from observatory.bench.upgrade import Prober, meanwhile
from observatory.tests.deadlines import eventually
from tenants.scope import operator_scope

pytestmark = pytest.mark.django_db(transaction=True)
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'executions'::regclass"


@pytest.fixture
def prober(monkeypatch):
    address = f"{settings.DATABASE_URL.rpartition('/')[0]}/{connection.settings_dict['NAME']}"
    monkeypatch.setattr(settings, "DATABASE_URL", address)
    with operator_scope():
        environment = EnvironmentFactory()
        ExecutionFactory(tenant=environment.tenant, environment_id=environment.pk)
    return Prober(environment.tenant_id)


def test_it_notices_who_locks_the_table(prober):
    with meanwhile(prober.work):
        eventually(lambda: prober.turns)
        with psycopg.connect(settings.DATABASE_URL) as other:
            prober.phase = "locked"
            other.execute("LOCK TABLE executions IN SHARE MODE")
            eventually(lambda: other.execute(WAITING).fetchone() == (1,))
            began = other.execute("SELECT clock_timestamp()").fetchone()[0]
            held = other.execute("SELECT clock_timestamp()").fetchone()[0] - began
            other.rollback()
        eventually(lambda: "locked" in prober.longest)

    assert prober.longest["locked"] >= held.total_seconds()


def test_what_ends_one_of_its_clients_ends_the_bench():
    def broken(is_over):
        raise RuntimeError("the server went away")

    with pytest.raises(RuntimeError, match="went away"), meanwhile(broken):
        threading.Event().wait(0)
