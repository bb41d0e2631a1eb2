"""What the doctor finds, and what it advises."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.utils import OperationalError
from django.utils import timezone
from redis.exceptions import ConnectionError as RedisAway

from executions.models import Environment, Health, RetentionRun, SyncState
from executions.tests.factories import EnvironmentFactory
from observatory.doctor import configuration, copying, servers
from observatory.doctor.findings import Level, examine
from observatory.metrics import task_counts
from observatory.tasks import note_heartbeat
from tenants.scope import operator_scope

pytestmark = pytest.mark.django_db


def diagnose():
    out = StringIO()
    try:
        call_command("doctor", "--json", stdout=out)
    except SystemExit as ended:
        assert ended.code == 1
    return {f["subject"]: f for f in map(json.loads, out.getvalue().splitlines())}


def seen_by(examination):
    return [(f.level, f.seen) for f in examination() if f.level != Level.OK]


def test_a_healthy_installation_has_no_fault():
    note_heartbeat()

    found = diagnose()

    assert [f for f in found.values() if f["level"] == "fault"] == []
    assert found["Migrations"]["seen"] == "all applied"
    assert found["Row-level security"]["level"] == "ok"


def test_a_server_that_is_away_is_a_finding_and_the_rest_is_still_asked(monkeypatch):
    def refused(*_, **__):
        raise OperationalError("connection refused\nmore")

    monkeypatch.setattr(connection, "cursor", refused)
    monkeypatch.setattr(servers, "store", lambda: (_ for _ in ()).throw(RedisAway("gone")))

    found = diagnose()

    assert found["Migrations"]["seen"] == "The database could not be asked: connection refused"
    assert found["Queues"]["seen"] == "Redis could not be asked: gone"
    assert found["Settings"]["level"] == "ok"


def test_every_finding_that_is_not_well_says_what_to_do(monkeypatch):
    monkeypatch.setattr(servers, "age_seconds", lambda: 999.0)
    monkeypatch.setattr(servers, "DEEP_QUEUE", -1)
    monkeypatch.setattr(servers, "LARGEST_SKEW_SECONDS", -1)
    monkeypatch.setattr(servers, "LEAST_FREE_BYTES", 10**18)

    found = examine(
        [("x", e) for e in (servers.timetable, servers.queues, servers.clocks, servers.disk)]
    )

    unwell = [finding for finding in found if finding.level != Level.OK]
    assert len(unwell) == 7
    assert all(finding.cure for finding in unwell)


def test_a_table_without_policies_is_a_fault():
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE unbound (tenant_id uuid)")
        cursor.execute(servers.UNBOUND.replace("'public'", "pg_my_temp_schema()"))

        assert cursor.fetchall() == [("unbound",)]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"DEBUG": True, "PUBLIC_URL": "https://o.example"}, "OBSERVATORY_DEBUG"),
        ({"ALLOWED_HOSTS": ["*"]}, "every host name"),
        ({"PUBLIC_URL": "http://o.example", "HTTPS": False}, "without TLS"),
        ({"BEHIND_PROXY": True, "METRICS_TOKEN": ""}, "nobody can read /metrics"),
    ],
)
def test_unsafe_settings_are_named(settings, values, words):
    for name, value in values.items():
        setattr(settings, name, value)

    assert words in seen_by(configuration.unsafe_settings)[0][1]


def test_keys_that_nothing_reads_and_keys_of_an_older_key_are_told_apart(settings):
    older, newer = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.ENCRYPTION_KEYS = (older,)
    with operator_scope():
        EnvironmentFactory(name="Old")
    settings.ENCRYPTION_KEYS = (newer, older)
    assert "older key" in seen_by(configuration.secrets)[0][1]

    settings.ENCRYPTION_KEYS = (newer,)

    ((level, seen),) = seen_by(configuration.secrets)
    assert level == Level.FAULT
    assert "Old" in seen


def test_secrets_are_encrypted_anew_and_stay_the_same(settings):
    older, newer = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.ENCRYPTION_KEYS = (older,)
    with operator_scope():
        EnvironmentFactory(api_key="the key of n8n")
    settings.ENCRYPTION_KEYS = (newer, older)
    out = StringIO()

    call_command("rotate_secrets", stdout=out)
    call_command("rotate_secrets", stdout=out)

    settings.ENCRYPTION_KEYS = (newer,)
    with operator_scope():
        assert Environment.objects.get().api_key == "the key of n8n"
    assert "executions.Environment.api_key: 1 encrypted anew, 0 unreadable" in out.getvalue()
    assert "executions.Environment.api_key: 0 encrypted anew, 0 unreadable" in out.getvalue()


def test_a_secret_that_no_key_reads_is_named_and_kept(settings):
    with operator_scope():
        EnvironmentFactory(name="Lost")
    settings.ENCRYPTION_KEYS = (Fernet.generate_key().decode(),)

    with pytest.raises(CommandError, match="Lost"):
        call_command("rotate_secrets", stdout=StringIO())


def test_environments_that_are_not_well_are_named_with_their_reason():
    with operator_scope():
        sick = EnvironmentFactory(name="Sick", health=Health.KEY_REJECTED, health_reason="401.")
        EnvironmentFactory(name="Late clock", health=Health.REACHABLE, clock_skew_ms=120_000)
        SyncState.objects.filter(environment=sick).update(synced_at=timezone.now())

    found = {finding.subject.rpartition(" / ")[2]: finding for finding in copying.environments()}

    assert found["Sick"].seen == "Key rejected. 401."
    assert "+120 s" in found["Late clock"].seen


def test_a_pruning_that_failed_is_told():
    with operator_scope():
        environment = EnvironmentFactory()
        now = timezone.now()
        RetentionRun.objects.create(
            tenant=environment.tenant,
            started_at=now - timedelta(hours=3),
            touched_at=now,
            state=RetentionRun.State.FAILED,
            message="The disk is full.",
        )

    assert seen_by(copying.retention) == [(Level.WARNING, "The disk is full.")]


def test_counting_tasks_needs_no_redis(monkeypatch):
    monkeypatch.setattr(task_counts, "store", lambda: (_ for _ in ()).throw(RedisAway("gone")))

    note_heartbeat.apply()
