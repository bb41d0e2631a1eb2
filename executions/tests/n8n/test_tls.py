"""Pinning the address leaves the name to TLS: the certificate must be for what was asked."""

import socket
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from executions.n8n.addresses import AddressPolicy, parse_allowed_networks
from executions.n8n.client import N8nClient
from executions.n8n.errors import TimedOut, TlsFailed
from executions.n8n.fake import FakeN8n
from executions.n8n.fake_faults import drip
from executions.n8n.fake_server import FakeServer
from executions.n8n.transport import Limits

LOOPBACK = AddressPolicy(parse_allowed_networks("loopback"))
PATIENT = Limits(connect_seconds=10, read_seconds=10, total_seconds=20)
HASTY = Limits(connect_seconds=10, read_seconds=0.2, total_seconds=0.4)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for n8n.test that signs itself, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "n8n.test")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("n8n.test")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "n8n.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return str(path)


@pytest.fixture
def server(certificate, monkeypatch):
    """A stand-in with TLS that every name leads to."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with FakeServer(FakeN8n(), tls=context) as server:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        yield server


def client_for(server, name, verify, limits=PATIENT):
    url = f"https://{name}:{server.port}"
    return N8nClient(url, server.fake.api_key, LOOPBACK, verify=verify, limits=limits)


def test_a_trusted_certificate_for_the_name_is_accepted(server, certificate):
    with client_for(server, "n8n.test", certificate) as client:
        assert client.probe().ok


def test_a_certificate_for_another_name_is_refused(server, certificate):
    with client_for(server, "other.test", certificate) as client, pytest.raises(TlsFailed):
        client.list_executions()


def test_a_certificate_that_nobody_vouches_for_is_refused(server):
    with client_for(server, "n8n.test", True) as client, pytest.raises(TlsFailed):
        client.list_executions()

    assert server.fake.log.total == 0


def test_a_slow_answer_ends_in_time_with_tls_too(server, certificate):
    server.fake.plan.next(drip(0.1))

    client = client_for(server, "n8n.test", certificate, HASTY)
    with client, pytest.raises(TimedOut):
        client.healthz()
