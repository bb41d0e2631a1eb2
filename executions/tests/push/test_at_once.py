"""A push and a turn of sync at the same time, each on a connection of its own."""

import threading

import pytest
from django.db import connection

from executions import leases
from executions.environments import remove_environment
from executions.models import Execution, RunSpan
from executions.push import api
from executions.tests.faults.stage import eventually
from executions.tests.push.conftest import sample
from tenants.audit import SYSTEM
from tenants.scope import operator_scope, tenant_scope

pytestmark = pytest.mark.django_db(transaction=True)


def in_parallel(work):
    """A thread that does the work on another connection."""

    def run():
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def acquire(environment):
    return leases.acquire(
        tenant_id=environment.tenant_id, environment_id=environment.pk, owner="a worker"
    )


def somebody_waits():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return cursor.fetchone()[0] > 0


def test_a_push_waits_for_the_page_that_is_being_written(send, environment):
    lease, answers = acquire(environment), []
    with leases.writing(lease):
        pushing = in_parallel(lambda: answers.append(send(sample("success.pb"))))
        eventually(somebody_waits)
        assert Execution.objects.count() == 0

    pushing.join()

    assert answers[0].status_code == 200
    with tenant_scope(environment.tenant_id):
        assert Execution.objects.count() == 1
    assert acquire(environment) is None


def test_a_push_that_waits_too_long_is_asked_to_come_again(send, environment, monkeypatch):
    monkeypatch.setattr(api, "WAIT_FOR_ROWS_MS", 50)
    lease, answers = acquire(environment), []

    with leases.writing(lease):
        in_parallel(lambda: answers.append(send(sample("success.pb")))).join()

    assert (answers[0].status_code, answers[0]["Retry-After"]) == (503, "5")
    with operator_scope():
        assert Execution.objects.count() == 0


def test_a_push_that_waited_for_the_end_of_an_environment_leaves_nothing(send, environment):
    answers = []
    with tenant_scope(environment.tenant_id):
        remove_environment(environment, actor=SYSTEM)
        pushing = in_parallel(lambda: answers.append(send(sample("success.pb"))))
        eventually(somebody_waits)

    pushing.join()

    assert len(answers) == 1
    with operator_scope():
        assert Execution.objects.count() == RunSpan.objects.count() == 0


def test_a_push_that_writes_does_not_pass_for_a_living_lease(environment):
    locked, release = threading.Event(), threading.Event()

    def write():
        with tenant_scope(environment.tenant_id):
            leases.lock_rows(environment.pk)
            locked.set()
            release.wait()

    writing = in_parallel(write)
    locked.wait()
    lease = acquire(environment)
    release.set()
    writing.join()

    assert lease is not None


def test_pushes_of_one_environment_at_once_store_each_run_once(send, environment):
    answers = []
    pushing = [in_parallel(lambda: answers.append(send(sample("mixed.pb")))) for _ in range(4)]
    for thread in pushing:
        thread.join()

    assert [answer.status_code for answer in answers] == [200] * 4
    with tenant_scope(environment.tenant_id):
        assert Execution.objects.count() == 40
