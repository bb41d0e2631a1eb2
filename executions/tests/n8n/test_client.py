"""The client against the stand-in over real HTTP: every fault has its own name."""

import socket
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from executions.n8n import errors
from executions.n8n.addresses import AddressPolicy, parse_allowed_networks
from executions.n8n.client import N8nClient, execution_cursor
from executions.n8n.fake import FakeN8n
from executions.n8n.fake_faults import (
    Fault,
    Kind,
    drip,
    html_page,
    redirect,
    status,
    text,
)
from executions.n8n.fake_server import FakeServer, packed_bomb
from executions.n8n.transport import Limits
from executions.tests.n8n.recorded import recorded

LOOPBACK = AddressPolicy(parse_allowed_networks("loopback"))
PATIENT = Limits(connect_seconds=10, read_seconds=10, total_seconds=20, max_bytes=2**20)
HASTY = Limits(connect_seconds=10, read_seconds=0.2, total_seconds=0.4, max_bytes=2**20)
CANARY = "sk-canary-0123456789"


@pytest.fixture(scope="module")
def server():
    packed_bomb()  # made before the first time limit runs
    with FakeServer(FakeN8n()) as server:
        yield server


@pytest.fixture
def fake(server):
    fake = server.fake
    fake.reset(keep_workflows=False)
    fake.plan.clear()
    fake.log.clear()
    fake.api_key, fake.latency_ms = CANARY, 0
    return fake


@pytest.fixture
def workflow(fake):
    return fake.add_workflow("Orders", tags=["prod"])


@pytest.fixture
def client(server, fake):
    with N8nClient(server.url, CANARY, LOOPBACK, limits=PATIENT) as client:
        yield client


@pytest.fixture
def hasty(server, fake):
    with N8nClient(server.url, CANARY, LOOPBACK, limits=HASTY) as client:
        yield client


def test_it_lists_executions_page_by_page(client, fake, workflow):
    fake.add_many(600)

    first = client.list_executions()
    second = client.list_executions(cursor=first.next_cursor)

    assert [len(first.items), len(second.items)] == [250, 250]
    assert second.items[0].id == "350"
    assert first.server_date is not None
    assert first.bytes > 50_000


def test_it_sends_the_filters_with_every_page(client, fake, workflow):
    cursor = execution_cursor("9", 50)
    after = datetime(2026, 11, 23, 18, tzinfo=UTC)

    client.list_executions(cursor=cursor, status="error", workflow_id=workflow, started_after=after)

    assert fake.log.entries[0].query == {
        "limit": "250",
        "cursor": cursor,
        "status": "error",
        "workflowId": workflow,
        "startedAfter": "2026-11-23T18:00:00+00:00",
    }


@pytest.mark.parametrize(("limit", "sent"), [(0, "1"), (-5, "1"), (7, "7"), (10_000, "250")])
def test_it_never_asks_for_the_whole_table(client, fake, limit, sent):
    client.list_executions(limit=limit)

    assert fake.log.entries[0].query["limit"] == sent


def test_its_cursor_is_the_one_that_n8n_makes():
    assert execution_cursor("5000008", 2) == recorded("answer-cursor-handmade")["nextCursor"]


def test_it_reads_one_execution_with_and_without_data(client, fake, workflow):
    execution = fake.run(workflow, "error", error="code")

    assert client.get_execution(execution).error is None
    assert client.get_execution(execution, include_data=True).error.message.startswith("Order has")


def test_it_reads_a_page_with_data(client, fake, workflow):
    fake.run(workflow, "error", error="dns")
    fake.run(workflow)

    details = client.list_details(cursor=execution_cursor("3", 2))

    assert [detail.execution.id for detail in details] == ["2", "1"]
    assert details[1].error.http_code == "ENOTFOUND"


def test_it_reads_workflows(client, fake, workflow):
    page = client.list_workflows()

    assert [item.name for item in page.items] == ["Orders"]
    assert client.get_workflow(workflow).tags == ("prod",)


def test_it_retries_and_stops(client, fake, workflow):
    failed, running = fake.run(workflow, "error"), fake.start(workflow)

    assert client.retry_execution(failed).execution.retry_of == failed
    assert client.stop_execution(running).status == "canceled"
    with pytest.raises(errors.Conflict):
        client.stop_execution(failed)


def test_a_retry_waits_longer_than_other_calls(hasty, fake, workflow):
    failed = fake.run(workflow, "error")
    fake.plan.next(Fault(Kind.DELAY, seconds=0.5))

    assert hasty.retry_execution(failed, wait_seconds=20).execution.status == "success"


def test_it_says_what_the_key_may_do(client, fake):
    discovery = client.discover()

    assert "execution:list" in discovery.scopes
    assert "GET /api/v1/executions" in discovery.endpoints


def test_it_tells_the_difference_of_the_clocks(client, fake, monkeypatch):
    monkeypatch.setattr(fake, "clock", lambda: datetime.now(UTC) + timedelta(hours=2))

    client.list_executions()

    assert client.clock_skew_ms == pytest.approx(7_200_000, abs=1_500)
    assert client.latency_ms >= 0


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (status(400), errors.BadRequest),
        (status(401), errors.KeyRejected),
        (status(403), errors.ScopeMissing),
        (status(403, html=True), errors.NotN8n),
        (status(404), errors.WrongPath),
        (status(404, html=True), errors.WrongPath),
        (status(409), errors.Conflict),
        (status(415), errors.BadRequest),
        (status(418), errors.BadResponse),
        (status(429), errors.RateLimited),
        (status(500), errors.ServerError),
        (status(502, html=True), errors.ServerError),
        (status(503), errors.ServerError),
        (status(504), errors.ServerError),
        (html_page(), errors.NotN8n),
        (text("[]"), errors.NotN8n),
        (text("7"), errors.NotN8n),
        (text('{"data": {}}'), errors.NotN8n),
        (text('{"data": [], "nextCursor": 7}'), errors.BadResponse),
        (text(f'{{"data": [], "nextCursor": "{"x" * 300}"}}'), errors.BadResponse),
        (text('{"data": ['), errors.BadResponse),
        (text(""), errors.BadResponse),
        (redirect("https://elsewhere.example/x?key=1"), errors.Redirected),
        (redirect("http://169.254.169.254/", code=307), errors.Redirected),
        (redirect("/signin", code=301), errors.Redirected),
        (redirect("gopher://[", code=308), errors.Redirected),
        (Fault(Kind.TRUNCATE), errors.Unreachable),
        (Fault(Kind.CLOSE), errors.Unreachable),
        (Fault(Kind.BOMB), errors.TooLarge),
        (Fault(Kind.ENDLESS), errors.TooLarge),
    ],
    ids=lambda value: f"{value.kind}-{value.status}" if isinstance(value, Fault) else "",
)
def test_every_fault_has_its_name(client, fake, workflow, fault, error):
    fake.add_many(250)
    fake.plan.next(fault)

    with pytest.raises(error) as caught:
        client.list_executions()

    assert type(caught.value) is error
    assert "127.0.0.1" in caught.value.sentence
    assert CANARY not in repr(caught.value) + caught.value.sentence


def test_a_redirection_names_the_other_host_only_and_is_not_followed(client, fake):
    fake.plan.next(redirect("https://user:pw@elsewhere.example:8443/login?next=secret"))

    with pytest.raises(errors.Redirected) as caught:
        client.list_executions()

    assert "elsewhere.example:8443" in caught.value.sentence
    assert "secret" not in caught.value.sentence
    assert "pw" not in caught.value.sentence
    assert fake.log.total == 1


def test_nothing_of_the_other_sides_words_is_told(client, fake):
    fake.plan.next(text('{"message": "internal banner 10.0.0.7"}', code=500))

    with pytest.raises(errors.ServerError) as caught:
        client.list_executions()

    assert "banner" not in caught.value.sentence


def test_a_wish_to_wait_is_passed_on(client, fake):
    fake.plan.next(status(429, retry_after="30"), status(503, retry_after="-1"))

    with pytest.raises(errors.RateLimited) as limited:
        client.list_executions()
    with pytest.raises(errors.ServerError) as failed:
        client.list_executions()

    assert limited.value.retry_after == timedelta(seconds=30)
    assert failed.value.retry_after == timedelta(0)


@pytest.mark.parametrize(
    "fault",
    [Fault(Kind.SILENT), Fault(Kind.SLOW_HEAD, seconds=0.02), drip(0.02)],
    ids=lambda fault: str(fault.kind),
)
def test_an_answer_that_takes_too_long_is_left(hasty, fake, workflow, fault):
    fake.add_many(250)
    fake.plan.next(fault)
    began = time.monotonic()

    with pytest.raises(errors.TimedOut):
        hasty.list_executions()

    # A byte every fiftieth of a second would take a quarter of an hour.
    assert time.monotonic() - began < 30


def test_it_works_again_after_a_fault(client, fake, workflow):
    fake.run(workflow)
    fake.plan.next(Fault(Kind.CLOSE))
    with pytest.raises(errors.Unreachable):
        client.list_executions()

    assert len(client.list_executions().items) == 1


def test_a_bad_row_costs_only_itself(client, fake, workflow):
    fake.add_many(10)
    fake.plan.next(Fault(Kind.BAD_ROW))

    page = client.list_executions()

    assert len(page.items) == 10
    assert [row.reason for row in page.refused] == ["a row has no usable id"]


def test_a_missing_execution_is_not_found_but_a_proxys_page_is_no_proof(client, fake):
    with pytest.raises(errors.NotFound):
        client.get_execution("7")

    fake.plan.next(status(404, html=True))
    with pytest.raises(errors.WrongPath):
        client.get_execution("7")


@pytest.mark.parametrize("execution_id", ["", "..", "../workflows", "1/retry", "1?x=1", "1 2"])
def test_an_id_that_no_n8n_gives_is_not_asked_for(client, fake, execution_id):
    with pytest.raises(errors.NotFound):
        client.get_execution(execution_id)

    assert fake.log.total == 0


@pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "schlüssel", "k\x00"])
def test_a_key_that_no_n8n_gives_is_refused_before_any_call(server, key):
    with pytest.raises(errors.KeyRejected) as caught:
        N8nClient(server.url, key, LOOPBACK)

    assert not key or key not in caught.value.sentence


def test_the_key_is_in_no_representation(client):
    assert CANARY not in repr(client) + repr(vars(client).keys())


def test_it_reaches_no_address_that_is_not_allowed(server, fake):
    with (
        N8nClient(server.url, CANARY, AddressPolicy()) as client,
        pytest.raises(errors.AddressNotAllowed),
    ):
        client.list_executions()

    assert fake.log.total == 0


def test_proxies_of_the_environment_are_not_used(client, fake, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    client.list_executions()

    assert fake.log.total == 1


def test_one_connection_serves_all_calls(client, fake, workflow, monkeypatch):
    opened = []
    serve = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", lambda thread: (opened.append(1), serve(thread)))

    for _ in range(5):
        client.list_executions()

    assert len(opened) == 1


def test_a_server_that_speaks_no_http_is_not_n8n():
    with Banner(b"SSH-2.0-OpenSSH_9.2 inner-banner\r\n") as port:
        client = N8nClient(f"http://127.0.0.1:{port}", CANARY, LOOPBACK, limits=PATIENT)
        with client, pytest.raises(errors.NotN8n) as caught:
            client.list_executions()

    assert "banner" not in caught.value.sentence


def test_a_server_without_tls_is_named_so(server, fake):
    url = server.url.replace("http://", "https://")

    with (
        N8nClient(url, CANARY, LOOPBACK, limits=PATIENT) as client,
        pytest.raises(errors.TlsFailed),
    ):
        client.list_executions()


class Banner:
    """A server that says its words to everybody."""

    def __init__(self, words):
        self._words, self._socket = words, socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self._socket.getsockname()[1]

    def __exit__(self, *_):
        self._socket.close()
        self._thread.join()

    def _serve(self):
        connection, _ = self._socket.accept()
        with connection:
            connection.sendall(self._words)
            connection.recv(65_536)
