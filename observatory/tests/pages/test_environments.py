from collections.abc import Callable

import pytest

from executions.models import Environment, Execution
from executions.n8n.fake_server import FakeServer
from observatory.tests.pages.conftest import Visitor
from tenants.models import Tenant
from tenants.scope import tenant_scope

HIDE = "Object.defineProperty(document, 'hidden', { value: true, configurable: true })"
LOOK_AGAIN = "document.dispatchEvent(new Event('visibilitychange'))"
ASKED = "performance.getEntriesByType('resource').filter(e => e.initiatorType == 'xmlhttprequest')"


@pytest.fixture
def address(environment: Environment) -> str:
    return f"/t/acme/environments/{environment.pk}"


def press(visitor: Visitor, name: str) -> None:
    visitor.follow(visitor.page.get_by_role("button", name=name))


def set_health_reason(environment: Environment, reason: str) -> None:
    with tenant_scope(environment.tenant_id):
        Environment.objects.for_tenant(environment.tenant_id).update(health_reason=reason)


def test_a_sync_is_asked_for_paused_and_resumed(
    owner: Visitor,
    n8n: FakeServer,
    environment: Environment,
    address: str,
    sync: Callable[[Environment], None],
) -> None:
    n8n.fake.add_many(5)
    owner.open(address)

    press(owner, "Sync now")
    owner.page.get_by_text("Production is being synced.").wait_for()
    assert "Queued" in owner.text("#syncs")
    sync(environment)
    owner.open(address)
    assert "Reachable" in owner.text(".verdict")
    assert owner.texts("#syncs tbody tr:first-child td:nth-child(5)") == ["5"]

    press(owner, "Pause")
    owner.page.locator(".verdict").get_by_text("Paused").wait_for()
    press(owner, "Resume")
    owner.page.locator(".verdict").get_by_text("Reachable").wait_for()


def test_removing_wants_the_name(
    owner: Visitor,
    tenant: Tenant,
    n8n: FakeServer,
    environment: Environment,
    address: str,
    sync: Callable[[Environment], None],
) -> None:
    n8n.fake.add_many(5)
    sync(environment)
    owner.open(f"{address}/remove")
    name = owner.page.get_by_label("Type Production to confirm")

    name.fill("production")
    press(owner, "Remove")
    owner.page.get_by_text("“production” is not its name; nothing was removed.").wait_for()
    assert name.input_value() == "production"
    name.fill("Production")
    press(owner, "Remove")

    owner.page.get_by_text("Production and its executions are removed.").wait_for()
    assert "No n8n is connected yet" in owner.text()
    with tenant_scope(tenant.pk):
        assert not Execution.objects.for_tenant(tenant).exists()


def test_a_changed_state_appears_by_itself_and_keeps_focus_and_place(
    owner: Visitor,
    environment: Environment,
    address: str,
    sync: Callable[[Environment], None],
) -> None:
    sync(environment)
    # Where a table is one and not all of it has room.
    owner.page.set_viewport_size({"width": 700, "height": 740})
    owner.open(address)
    owner.page.evaluate("document.getElementById('syncs').scrollLeft = 30")
    set_health_reason(environment, "The server room is dark.")

    owner.page.evaluate(LOOK_AGAIN)
    owner.page.get_by_text("The server room is dark.").wait_for()
    assert owner.page.evaluate("document.getElementById('syncs').scrollLeft") == 30

    owner.open("/t/acme/environments")
    owner.page.get_by_role("link", name="Production").focus()
    set_health_reason(environment, "The light is back.")
    owner.page.evaluate(LOOK_AGAIN)
    owner.page.get_by_text("The light is back.").wait_for()
    assert owner.page.locator("a:focus").inner_text() == "Production"


def test_a_tab_that_nobody_sees_asks_for_nothing(
    owner: Visitor, environment: Environment, address: str
) -> None:
    owner.open(address)
    owner.page.evaluate(HIDE)

    owner.page.evaluate(LOOK_AGAIN)
    owner.page.evaluate("htmx.trigger('[data-live]', 'visibilitychange')")

    assert owner.page.evaluate(f"{ASKED}.length") == 0


def test_who_is_signed_out_meanwhile_is_led_to_sign_in(
    owner: Visitor, environment: Environment, address: str
) -> None:
    owner.open(address)
    owner.page.context.clear_cookies()

    owner.page.evaluate(LOOK_AGAIN)
    owner.page.wait_for_url("**/sign-in?*")

    assert owner.path == "/sign-in?next=" + address.replace("/", "%2F")
