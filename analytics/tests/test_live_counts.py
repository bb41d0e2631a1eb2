"""`counts.update`: the right numbers, at most once a second, at the end the last."""

import json
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone
from django_eventstream.models import Event

from analytics import live_counts, tasks
from analytics.tests.counting import add_run, refresh_all
from executions.tests.factories import EnvironmentFactory
from executions.tests.faults.stage import eventually, open_stage
from tenants.realtime import channel_of
from tenants.scope import operator_scope, tenant_scope

A_SECOND_LATER = "UPDATE analytics_livecounts SET told_at = told_at - interval '1 second'"
WORKER = ("celery", "-A", "observatory.celery", "worker", "--queues", "analytics")


@pytest.fixture
def environment(db):
    with operator_scope():
        return EnvironmentFactory(tenant__time_zone="UTC")


@pytest.fixture
def tenant_id(environment):
    return environment.tenant_id


def told(tenant_id):
    found = Event.objects.filter(channel=channel_of(tenant_id), type="counts.update")
    return [json.loads(json.loads(event.data)) for event in found.order_by("eid")]


def as_operator(statement):
    with operator_scope(), connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone() if cursor.description else None


def test_it_tells_the_last_day_and_the_day_so_far(environment, tenant_id):
    now = timezone.now()
    with tenant_scope(tenant_id):
        add_run(environment, now - timedelta(minutes=1), status="error")
        add_run(environment, now - timedelta(hours=23), status="success")
        add_run(environment, now - timedelta(hours=25), status="success")
    refresh_all()

    live_counts.note_change(tenant_id)
    assert live_counts.tell_counts(tenant_id)

    [event] = told(tenant_id)
    assert (event["total_executions"], event["success_count"], event["failure_count"]) == (2, 1, 1)
    assert event["today"]["total_executions"] <= 2
    assert event["time_range"] == "24h"


def test_many_changes_within_a_second_are_told_once_and_the_last_at_its_end(tenant_id):
    for _ in range(5):
        live_counts.note_change(tenant_id)
        live_counts.tell_counts(tenant_id)
    assert len(told(tenant_id)) == 1
    assert not live_counts.tell_counts(tenant_id)

    as_operator(A_SECOND_LATER)

    assert live_counts.tell_counts(tenant_id)
    assert len(told(tenant_id)) == 2


def test_what_did_not_change_is_not_told_again(tenant_id):
    live_counts.note_change(tenant_id)
    live_counts.tell_counts(tenant_id)
    as_operator(A_SECOND_LATER)

    assert live_counts.tell_counts(tenant_id)

    assert len(told(tenant_id)) == 1
    assert live_counts.tenants_to_tell() == []


def test_one_tenants_second_is_none_of_the_others(environment, tenant_id):
    with operator_scope():
        other = EnvironmentFactory().tenant_id

    for one in (tenant_id, other):
        live_counts.note_change(one)
        live_counts.tell_counts(one)

    assert (len(told(tenant_id)), len(told(other))) == (1, 1)


def test_a_change_that_could_not_be_told_is_found_by_the_next_dispatch(tenant_id, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(live_counts, "tell", lambda *_: False)
        live_counts.note_change(tenant_id)
        live_counts.tell_counts(tenant_id)
    assert live_counts.tenants_to_tell() == [tenant_id]

    as_operator(A_SECOND_LATER)
    live_counts.tell_counts(tenant_id)

    assert (len(told(tenant_id)), live_counts.tenants_to_tell()) == (1, [])


def test_a_change_during_the_telling_is_not_taken_for_told(tenant_id, monkeypatch):
    read = live_counts.live_counts

    def changing(tenant):
        live_counts.note_change(tenant.pk)
        return read(tenant)

    monkeypatch.setattr(live_counts, "live_counts", changing)
    live_counts.note_change(tenant_id)
    live_counts.tell_counts(tenant_id)

    assert live_counts.tenants_to_tell() == [tenant_id]


def test_a_taken_second_is_tried_again_after_it(tenant_id, monkeypatch):
    asked = []
    monkeypatch.setattr(tasks.tell_counts, "apply_async", lambda **given: asked.append(given))
    for _ in range(2):
        live_counts.note_change(tenant_id)
        tasks.tell_counts(str(tenant_id))

    assert [given["countdown"] for given in asked] == [1]


def test_a_storage_that_fails_costs_the_teller_nothing(tenant_id, monkeypatch):
    def fail(*_):
        raise DatabaseError("no")

    monkeypatch.setattr("tenants.realtime.ReturningStorage.append_event", fail)
    live_counts.note_change(tenant_id)

    assert live_counts.tell_counts(tenant_id)
    assert live_counts.tenants_to_tell() == [tenant_id]


CLOCK = "SELECT extract(epoch FROM clock_timestamp())"


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_two_workers_together_tell_once_a_second_and_the_last_number(tmp_path):
    with operator_scope():
        environment = EnvironmentFactory()
    tenant_id = environment.tenant_id
    with open_stage(tmp_path) as stage:
        workers = [
            stage.begin((*WORKER, "--pool", "threads", "--concurrency", "4", "-n", name))
            for name in ("one@%h", "two@%h")
        ]
        eventually(lambda: all("ready" in worker.log.read_text() for worker in workers))
        [began] = as_operator(CLOCK)
        now = timezone.now()
        for first in range(0, 40, 4):
            with tenant_scope(tenant_id):
                for number in range(first, first + 4):
                    add_run(environment, now, n8n_execution_id=str(number), id_order=number)
            refresh_all()
            live_counts.note_change(tenant_id)
            for _ in range(4):
                stage.send("analytics.tasks.tell_counts", "analytics", str(tenant_id))
        eventually(lambda: not live_counts.tenants_to_tell())
        [ended] = as_operator(CLOCK)

    totals = [event["total_executions"] for event in told(tenant_id)]
    assert totals[-1] == 40
    assert totals == sorted(totals)
    assert len(totals) <= ended - began + 1
