from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser

from executions.models import Environment
from executions.tests.factories import EnvironmentFactory, ExecutionFactory
from observatory.tests.pages.conftest import Visitor
from tenants.models import Tenant
from tenants.scope import tenant_scope


@pytest.fixture
def history(tenant: Tenant) -> Environment:
    """Two environments; 60 good runs in one, three failures in the other."""
    now = timezone.now()
    with tenant_scope(tenant.pk):
        calm = EnvironmentFactory(tenant=tenant, name="Calm")
        rough = EnvironmentFactory(tenant=tenant, name="Rough")
        for minutes in range(60):
            started_at = now - timedelta(minutes=minutes)
            ExecutionFactory(tenant=tenant, environment_id=calm.pk, started_at=started_at)
        for days in range(3):
            ExecutionFactory(
                tenant=tenant,
                environment_id=rough.pk,
                started_at=now - timedelta(days=days, minutes=1),
                status="error",
                workflow_name="Invoices",
                error_message="The server is on fire",
                error_node="Call partner",
            )
    return rough


@pytest.fixture
def without_script(browser: Browser, owner: Visitor) -> Iterator[Visitor]:
    """The owner with JavaScript switched off."""
    state = owner.page.context.storage_state()
    context = browser.new_context(storage_state=state, java_script_enabled=False)
    visitor = Visitor(context.new_page(), owner.address)
    visitor.watch()
    yield visitor
    context.close()
    assert visitor.faults == []


def rows(visitor: Visitor) -> list[str]:
    return visitor.texts("#rows .id")


def test_filters_are_in_the_address_and_a_reload_shows_the_same(
    owner: Visitor, history: Environment
) -> None:
    owner.open("/t/acme/executions")

    owner.page.get_by_role("checkbox", name="Error", exact=True).check()
    owner.page.get_by_role("checkbox", name="Rough").check()
    owner.page.get_by_label("Started after").fill("now-36h")
    owner.page.get_by_role("button", name="Filter").click()
    owner.page.wait_for_url("**?*")

    for part in ("status=error", f"environment={history.pk}", "started_after=now-36h"):
        assert part in owner.path
    found = rows(owner)
    assert len(found) == 2
    owner.page.reload()
    assert rows(owner) == found
    assert owner.page.get_by_role("checkbox", name="Error", exact=True).is_checked()


def test_older_rows_follow_in_the_same_page_and_the_keyboard_goes_on_there(
    owner: Visitor, history: Environment
) -> None:
    owner.open("/t/acme/executions")
    path = owner.path

    owner.page.get_by_role("link", name="Older").press("Enter")
    owner.page.locator("#rows tr:nth-child(63)").wait_for()

    assert len(set(rows(owner))) == 63
    assert owner.path == path
    assert owner.page.get_by_role("link", name="Older").count() == 0
    assert owner.page.locator("#rows tr:nth-child(51) a:focus").count() == 1


def test_a_failed_run_says_why(owner: Visitor, history: Environment) -> None:
    owner.open("/t/acme/executions?status=error")

    owner.page.get_by_role("link", name="Invoices").first.click()

    assert owner.text("h1").startswith("Invoices")
    assert owner.text(".message") == "The server is on fire"
    assert "Call partner" in owner.text()
    assert owner.page.get_by_role("link", name="Open in n8n").is_visible()
    assert owner.page.locator("nav [aria-current]").inner_text() == "Executions"


def test_who_was_signed_out_meanwhile_signs_in_and_comes_back(
    owner: Visitor, history: Environment
) -> None:
    owner.open("/t/acme/executions?status=success")
    owner.page.context.clear_cookies()

    owner.page.get_by_role("link", name="Older").click()
    owner.page.wait_for_url("**/sign-in?*")

    assert owner.path == "/sign-in?next=%2Ft%2Facme%2Fexecutions%3Fstatus%3Dsuccess"


def test_it_all_works_without_javascript(without_script: Visitor, history: Environment) -> None:
    visitor = without_script
    visitor.open("/t/acme/executions")
    assert len(rows(visitor)) == 50

    visitor.page.get_by_role("link", name="Older").click()
    assert len(rows(visitor)) == 13
    visitor.page.get_by_role("link", name="Back to the newest").click()
    visitor.page.get_by_role("checkbox", name="Error", exact=True).check()
    visitor.page.get_by_role("button", name="Filter").click()

    assert len(rows(visitor)) == 3
    visitor.open("/t/acme/environments/connect")
    assert visitor.page.get_by_role("button", name="Test").count() == 0


def test_menus_close_by_escape_and_by_a_click_elsewhere(owner: Visitor, tenant: Tenant) -> None:
    owner.open("/t/acme/executions")
    menu = owner.page.locator("details.menu")
    summary = menu.locator("summary")

    summary.press("Enter")
    assert menu.get_attribute("open") is not None
    owner.page.keyboard.press("Tab")
    owner.page.keyboard.press("Escape")

    assert menu.get_attribute("open") is None
    assert owner.page.locator("summary:focus").count() == 1
    summary.click()
    owner.page.locator("h1").click()
    assert menu.get_attribute("open") is None
