"""The client against a real n8n, where one is given by N8N_LAB_URL and N8N_LAB_KEY."""

import os

import pytest

from executions.n8n.addresses import AddressPolicy, parse_allowed_networks
from executions.n8n.client import N8nClient, execution_cursor
from executions.n8n.errors import Conflict, KeyRejected, NotFound
from executions.normalize import normalize

URL, KEY = os.environ.get("N8N_LAB_URL", ""), os.environ.get("N8N_LAB_KEY", "")
POLICY = AddressPolicy(parse_allowed_networks("loopback,private"))

pytestmark = pytest.mark.skipif(
    not (URL and KEY), reason="N8N_LAB_URL and N8N_LAB_KEY name no real n8n"
)


@pytest.fixture(scope="module")
def client():
    with N8nClient(URL, KEY, POLICY) as client:
        yield client


def first_of(client, status):
    page = client.list_executions(status=status, limit=1)
    if not page.items:
        pytest.skip(f"this n8n has no execution with status {status}")
    return page.items[0].id


def test_the_connection_works(client):
    report = client.probe()

    assert report.ok, report.sentence
    assert report.scopes


def test_every_row_is_read_without_a_flag(client):
    rows, cursor = [], None
    while len(rows) < 2_000:
        page = client.list_executions(cursor=cursor)
        assert not page.refused
        rows += page.items
        cursor = page.next_cursor
        if cursor is None:
            break

    records = [normalize(row) for row in rows]
    assert records
    assert not [record for record in records if record.flags]
    orders = [record.id_order for record in records]
    assert orders == sorted(set(orders), reverse=True)


def test_a_cursor_made_by_hand_leads_below_its_id(client):
    first = client.list_executions(limit=3)

    page = client.list_executions(cursor=execution_cursor(first.items[0].id, 2))

    assert page.items[0].id == first.items[1].id


def test_every_failed_run_has_a_message(client):
    first_of(client, "error")

    details = client.list_details(status="error")

    assert all(detail.error is not None and detail.error.message for detail in details)
    assert all(detail.workflow_name for detail in details)


def test_every_workflow_is_read_without_a_flag(client):
    page = client.list_workflows()

    assert page.items
    assert not page.refused
    assert not [item.name for item in page.items if item.flags]


def test_a_success_cannot_be_retried(client):
    with pytest.raises(Conflict):
        client.retry_execution(first_of(client, "success"))


def test_an_unknown_id_is_not_found(client):
    with pytest.raises(NotFound):
        client.get_execution("999999999999")


def test_a_wrong_key_is_rejected():
    with N8nClient(URL, "wrong", POLICY) as client, pytest.raises(KeyRejected):
        client.list_executions()


def test_discover_is_known(client):
    assert client.discover() is not None
    client.healthz()
