import pytest

from executions.n8n.fake import FakeN8n
from executions.n8n.fake_faults import Dialect, html_page, redirect, status, text
from executions.n8n.fake_server import client_of


@pytest.fixture
def fake():
    fake = FakeN8n()
    fake.run(fake.add_workflow("Orders"))
    return fake


def probe(fake, **options):
    with client_of(fake, **options) as client:
        return client.probe()


def test_a_connection_that_works_says_so(fake):
    report = probe(fake)

    assert report.ok
    assert (report.reason, report.missing_scopes, report.sample_rows) == ("", (), 1)
    assert report.sentence.startswith("Connected")
    assert "execution:list" in report.scopes
    assert report.latency_ms is not None
    assert report.clock_skew_ms is not None


def test_a_key_that_sees_nothing_is_told(fake):
    fake.reset()

    report = probe(fake)

    assert report.ok
    assert "sees no executions" in report.sentence


@pytest.mark.parametrize(
    "scope", ["execution:list", "execution:read", "workflow:list", "workflow:read"]
)
def test_each_missing_scope_is_named(fake, scope):
    fake.scopes -= {scope}

    report = probe(fake)

    assert (report.reason, report.missing_scopes) == ("scope_missing", (scope,))
    assert scope in report.sentence


def test_all_missing_scopes_are_named_at_once(fake):
    fake.scopes = frozenset({"tag:list"})

    assert len(probe(fake).missing_scopes) == 4


@pytest.mark.parametrize("scope", ["execution:list", "execution:read", "workflow:list"])
def test_an_old_version_shows_its_missing_scopes_by_refusing(fake, scope):
    fake.dialect = Dialect(tells_scopes=False)
    fake.scopes -= {scope}

    report = probe(fake)

    assert (report.scopes, report.missing_scopes) == (None, (scope,))


def test_an_old_version_that_works_is_connected(fake):
    fake.dialect = Dialect(tells_scopes=False, lists_running=False, tells_status=False)

    assert probe(fake).ok


def test_a_wrong_key_is_told(fake):
    assert probe(fake, api_key="wrong").reason == "key_rejected"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (html_page(), "not_n8n"),
        (redirect("https://elsewhere.example/"), "redirected"),
        (status(500), "server_error"),
        (status(429), "rate_limited"),
        (text("{"), "bad_response"),
        (status(404, html=True), "wrong_path"),
    ],
)
def test_each_fault_is_named(fake, fault, reason):
    fake.plan.always(fault)

    report = probe(fake)

    assert (report.ok, report.reason) == (False, reason)
    assert report.sentence.endswith(".")


def test_an_n8n_without_a_public_api_is_told_from_a_wrong_path(fake):
    fake.plan.always(status(404, html=True), path="/api")

    assert probe(fake).reason == "too_old"
