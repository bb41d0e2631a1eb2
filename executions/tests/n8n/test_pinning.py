import socket
from ipaddress import ip_network

import pytest

from executions.n8n import pinning
from executions.n8n.addresses import AddressPolicy, parse_allowed_networks
from executions.n8n.errors import AddressNotAllowed, ConnectionRefused, DnsFailed, TimedOut

LOOPBACK = AddressPolicy(parse_allowed_networks("loopback"))


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def names(monkeypatch):
    """A resolver that gives scripted answers, one for each question."""
    answers = []

    def getaddrinfo(host, port, **_):
        found = answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (text, port)) for text in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return answers


def connect(host, port, policy=LOOPBACK, timeout=2.0):
    return pinning.open_socket(host, port, timeout, policy, ())


def port_of(listener):
    return listener.getsockname()[1]


def test_it_connects_to_the_address_that_was_judged(listener, names):
    names.append(["127.0.0.1"])

    with connect("n8n.test", port_of(listener)) as sock:
        assert sock.getpeername()[0] == "127.0.0.1"


def test_a_name_is_resolved_once_so_that_its_second_answer_wins_nothing(listener, names):
    names += [["127.0.0.1"], ["169.254.169.254"]]

    connect("rebinding.test", port_of(listener)).close()

    assert names == [["169.254.169.254"]]


@pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254", "127.0.0.1", "0.0.0.0"])
def test_a_name_that_leads_into_a_refused_network_is_not_called(names, address):
    names.append([address])

    with pytest.raises(AddressNotAllowed) as caught:
        connect("inner.test", 443, AddressPolicy())

    assert address not in caught.value.sentence
    assert "inner.test" in caught.value.sentence


def test_of_several_addresses_only_the_allowed_ones_are_called(listener, names):
    names.append(["10.0.0.1", "127.0.0.1"])

    with connect("n8n.test", port_of(listener)) as sock:
        assert sock.getpeername()[0] == "127.0.0.1"


def test_an_address_in_the_url_is_judged_too():
    with pytest.raises(AddressNotAllowed):
        connect("127.0.0.1", 443, AddressPolicy())


def test_an_operator_can_allow_a_network(listener):
    policy = AddressPolicy((ip_network("127.0.0.0/8"),))

    connect("127.0.0.1", port_of(listener), policy).close()


def test_it_goes_on_to_the_next_address_when_one_refuses(listener, names):
    names.append(["127.0.0.2", "127.0.0.1"])

    with connect("n8n.test", port_of(listener)) as sock:
        assert sock.getpeername()[0] == "127.0.0.1"


def test_it_says_that_a_name_is_unknown(names):
    names.append(socket.gaierror(socket.EAI_NONAME, "unknown"))

    with pytest.raises(DnsFailed):
        connect("nowhere.test", 443)


def test_it_says_that_a_port_is_closed():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = port_of(server)

    with pytest.raises(ConnectionRefused) as caught:
        connect("127.0.0.1", port)

    assert f"127.0.0.1:{port}" in caught.value.sentence


def test_a_resolver_that_never_answers_is_left_behind(monkeypatch):
    monkeypatch.setattr(pinning, "_ask_resolver", lambda *_: None)

    with pytest.raises(TimedOut):
        connect("slow.test", 443, timeout=0.01)


def test_reading_ends_at_its_moment_however_the_bytes_come(listener):
    with connect("127.0.0.1", port_of(listener)) as sock:
        sock.reading_ends_at = 0.0

        with pytest.raises(TimeoutError):
            sock.recv_into(bytearray(1))
