import socket
from collections.abc import Callable
from typing import Any

from executions.models import Environment
from executions.n8n import fake_faults
from executions.n8n.fake import SCOPES
from executions.n8n.fake_server import FakeServer
from observatory.tests.pages.conftest import Visitor
from tenants.models import Tenant
from tenants.scope import tenant_scope


def fill(visitor: Visitor, url: str, key: str = "stand-in-key") -> None:
    visitor.page.get_by_label("Address of n8n").fill(url)
    visitor.page.get_by_label("API key").fill(key)


def connect(visitor: Visitor) -> None:
    visitor.follow(visitor.page.get_by_role("button", name="Connect"))


def nothing_is_stored(tenant: Tenant) -> bool:
    with tenant_scope(tenant.pk):
        return not Environment.objects.for_tenant(tenant).exists()


def test_the_first_visit_leads_to_connecting_and_then_to_the_first_executions(
    owner: Visitor, tenant: Tenant, n8n: FakeServer, sync: Callable[[Environment], None]
) -> None:
    n8n.fake.add_many(60, every_ms=60_000)
    owner.open("/")
    assert owner.text("h1") == "Connect your n8n"

    fill(owner, n8n.url)
    connect(owner)
    assert "Production is connected; the first load runs." in owner.text(".notice[role=status]")
    with tenant_scope(tenant.pk):
        environment = Environment.objects.for_tenant(tenant).get()
    owner.follow(owner.page.get_by_role("link", name="Executions", exact=True).first)
    assert "Nothing has been copied yet" in owner.text()
    sync(environment)
    owner.page.reload()

    assert owner.page.locator("#rows a.name").count() == 50
    assert owner.texts("#rows tr:first-child .id") == ["1059"]


def refused(n8n: FakeServer) -> tuple[str, str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}", "stand-in-key"


def wrong_key(n8n: FakeServer) -> tuple[str, str]:
    return n8n.url, "a-key-of-another-n8n"


def html(n8n: FakeServer) -> tuple[str, str]:
    n8n.fake.plan.always(fake_faults.html_page())
    return n8n.url, "stand-in-key"


def wrong_path(n8n: FakeServer) -> tuple[str, str]:
    n8n.fake.plan.always(fake_faults.status(404, html=True))
    return f"{n8n.url}/automation", "stand-in-key"


def missing_scope(n8n: FakeServer) -> tuple[str, str]:
    n8n.fake.scopes -= {"workflow:read"}
    return n8n.url, "stand-in-key"


def no_url(n8n: FakeServer) -> tuple[str, str]:
    return "ftp://n8n.example", "stand-in-key"


FAULTS = (
    (no_url, "does not begin with https:// or http://"),
    (refused, "refused the connection. Check that n8n is running"),
    (wrong_key, "rejected the API key. Create a key in n8n under Settings"),
    (wrong_path, "has no n8n API below this address"),
    (html, "answered, but not as n8n's API does"),
    (missing_scope, "The API key may not do this"),
)


def test_each_fault_is_named_until_it_works(
    owner: Visitor, tenant: Tenant, n8n: FakeServer
) -> None:
    owner.open("/t/acme/environments/connect")

    for fault, sentence in FAULTS:
        url, key = fault(n8n)
        fill(owner, url, key)
        connect(owner)
        owner.page.get_by_text(sentence).wait_for()
        assert owner.page.get_by_label("Address of n8n").input_value() == url
        assert nothing_is_stored(tenant)
        n8n.fake.plan.clear()
    n8n.fake.scopes = SCOPES
    fill(owner, n8n.url)
    connect(owner)

    owner.page.get_by_text("Production is connected").wait_for()


def test_an_address_that_is_not_allowed_is_refused_with_the_setting_to_change(
    owner: Visitor, tenant: Tenant, n8n: FakeServer, settings: Any
) -> None:
    settings.ALLOWED_NETWORKS = ()
    owner.open("/t/acme/environments/connect")
    fill(owner, n8n.url)

    connect(owner)

    owner.page.get_by_role("alert").get_by_text("OBSERVATORY_ALLOWED_NETWORKS").wait_for()
    assert n8n.fake.log.total == 0
    assert nothing_is_stored(tenant)


def test_the_test_names_the_fault_without_leaving_the_page(
    owner: Visitor, tenant: Tenant, n8n: FakeServer
) -> None:
    owner.open("/t/acme/environments/connect")
    fill(owner, *wrong_key(n8n))

    owner.page.get_by_role("button", name="Test").click()
    owner.page.locator("#report").get_by_text("rejected the API key").wait_for()

    assert owner.page.get_by_label("API key").input_value() == "a-key-of-another-n8n"
    assert nothing_is_stored(tenant)


def test_a_test_that_works_says_so_and_stores_nothing(
    owner: Visitor, tenant: Tenant, n8n: FakeServer
) -> None:
    n8n.fake.add_many(3)
    owner.open("/t/acme/environments/connect")
    fill(owner, n8n.url)

    owner.page.get_by_role("button", name="Test").click()
    owner.page.locator("#report .notice.success").wait_for()

    assert "can be read" in owner.text("#report")
    assert nothing_is_stored(tenant)


def test_a_test_that_gets_no_answer_says_so(owner: Visitor, n8n: FakeServer) -> None:
    owner.expected.add(500)
    owner.page.route("**/environments/test", lambda route: route.fulfill(status=500))
    owner.open("/t/acme/environments/connect")
    fill(owner, n8n.url)

    owner.page.get_by_role("button", name="Test").click()
    owner.page.locator("#report .notice").wait_for()

    assert owner.text("#report") == "Observatory did not answer; try again."
    assert [fault for fault in owner.faults if "Response Status Error" not in fault] == []
    owner.faults.clear()
