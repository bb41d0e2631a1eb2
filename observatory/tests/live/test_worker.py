"""From n8n to a client: a worker copies, adds up and tells, and is killed on the way."""

import json
import signal

import pytest

from executions.n8n.fake import API_KEY, FakeN8n
from executions.n8n.fake_server import FakeServer
from executions.tests.factories import EnvironmentFactory
from executions.tests.faults.stage import DUE_NOW, EXPIRE_LEASES, as_operator, eventually
from tenants.scope import tenant_scope

pytestmark = pytest.mark.processes

QUEUES = ("--queues", "sync,maintenance,analytics", "--concurrency", "2", "--pool", "threads")
WORKER = ("celery", "-A", "observatory.celery", "worker", *QUEUES)


@pytest.fixture
def n8n():
    fake = FakeN8n()
    fake.add_workflow("Order sync")
    with FakeServer(fake) as server:
        yield server


def total(client):
    told = [json.loads(one.data) for one in client.heard if one.kind == "counts.update"]
    return told[-1]["total_executions"] if told else 0


def completed(client):
    return [json.loads(one.data) for one in client.heard if one.kind == "execution.completed"]


def dispatch(stage):
    """What beat does every few seconds."""
    as_operator(DUE_NOW, EXPIRE_LEASES)
    for task, queue in (
        ("executions.tasks.dispatch_syncs", "maintenance"),
        ("analytics.tasks.dispatch_refreshes", "analytics"),
        ("analytics.tasks.dispatch_counts", "analytics"),
    ):
        stage._sender.send_task(task, queue=queue, ignore_result=True)


def test_a_client_hears_of_every_run_though_the_worker_is_killed(
    stage, web, listen, membership, n8n
):
    with tenant_scope(membership.tenant_id):
        EnvironmentFactory(tenant=membership.tenant, base_url=n8n.url, api_key=API_KEY)
    web.start()
    client = listen()
    worker = stage.begin(WORKER)
    n8n.fake.add_many(3)
    dispatch(stage)
    eventually(lambda: total(client) == 3, seconds=60)

    n8n.fake.add_many(4)
    dispatch(stage)
    worker.signal(signal.SIGKILL)
    stage.begin(WORKER)

    def is_told():
        dispatch(stage)
        return total(client) == 7

    eventually(is_told, seconds=90, every=2)
    assert client.missed_or_doubled == 0
    assert completed(client)[0]["count"] == 3
    assert set(completed(client)[0]) >= {"execution_id", "status", "duration"}
