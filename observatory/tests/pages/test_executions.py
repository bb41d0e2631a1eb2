import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from executions.models import Environment
from executions.n8n.fake_server import FakeServer
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


def rows(visitor: Visitor) -> list[str]:
    return visitor.texts("#rows .id")


def search(visitor: Visitor, text: str) -> None:
    box = visitor.page.get_by_label("Search executions")
    box.fill(text)
    visitor.follow(visitor.page.get_by_role("button", name="Search", exact=True))


def test_a_search_is_in_the_address_and_a_reload_shows_the_same(
    owner: Visitor, history: Environment
) -> None:
    owner.open("/t/acme/executions?started_after=now-36h")

    search(owner, "status:error env:Rough -mode:manual")

    assert "query=status%3Aerror+env%3ARough+-mode%3Amanual" in owner.path
    assert "started_after=now-36h" in owner.path
    found = rows(owner)
    assert len(found) == 2
    owner.page.reload()
    assert rows(owner) == found
    assert owner.texts(".token .name") == ["status:error", "env:Rough", "-mode:manual"]


def test_a_token_is_removed_by_its_cross(owner: Visitor, history: Environment) -> None:
    owner.open("/t/acme/executions?status=error&query=env:Calm")
    assert "No execution matches this filter" in owner.text()

    owner.follow(owner.page.get_by_role("link", name="Remove env:Calm"))

    assert owner.page.get_by_label("Search executions").input_value() == "status:error"
    assert len(rows(owner)) == 3


def test_suggestions_are_taken_by_the_keyboard(owner: Visitor, history: Environment) -> None:
    owner.open("/t/acme/executions")
    box = owner.page.get_by_label("Search executions")

    box.press_sequentially("env:ro")
    owner.page.get_by_role("option", name="env:Rough").wait_for()
    box.press("ArrowDown")
    box.press("Enter")
    owner.page.wait_for_function("document.querySelector('[data-suggest]').value === 'env:Rough '")
    box.press("Escape")
    with owner.page.expect_navigation():
        box.press("Enter")

    assert len(rows(owner)) == 3


def test_dragging_over_the_chart_narrows_the_time(owner: Visitor, history: Environment) -> None:
    owner.open("/t/acme/executions?started_after=now-24h&query=status:success")
    plot = owner.page.locator("#over-time .u-over")
    plot.wait_for()
    box = plot.bounding_box()
    assert box is not None

    middle = box["y"] + box["height"] / 2
    owner.page.mouse.move(box["x"] + box["width"] * 0.9, middle)
    owner.page.mouse.down()
    owner.page.mouse.move(box["x"] + box["width"] - 3, middle, steps=4)
    with owner.page.expect_navigation():
        owner.page.mouse.up()

    assert "query=status" in owner.path
    assert "started_after=20" in owner.path
    assert "started_before=20" in owner.path
    assert len(rows(owner)) > 0


def test_pages_lead_to_older_rows_and_back(owner: Visitor, history: Environment) -> None:
    owner.open("/t/acme/executions?status=success")
    first = rows(owner)

    owner.follow(owner.page.get_by_role("link", name="Older"))
    assert len(rows(owner)) == 10
    owner.follow(owner.page.get_by_role("link", name="Newer"))

    assert rows(owner) == first
    assert len(first) == 50


def test_columns_stay_in_the_address(owner: Visitor, history: Environment) -> None:
    owner.open("/t/acme/executions?status=error")

    owner.page.get_by_text("Columns", exact=True).click()
    owner.page.get_by_role("checkbox", name="Node").check()
    owner.page.get_by_role("checkbox", name="Mode").uncheck()
    owner.follow(owner.page.locator(".popover[open]").get_by_role("button", name="Show"))

    assert "column=node" in owner.path
    heads = owner.texts("#executions th")
    assert "Node" in heads
    assert "Mode" not in heads


def test_a_search_is_saved_as_a_view_and_found_again(owner: Visitor, history: Environment) -> None:
    owner.open("/t/acme/executions?status=error&query=env:Rough")

    owner.page.get_by_text("Save view", exact=True).click()
    owner.page.get_by_label("Name").fill("Rough nights")
    owner.follow(owner.page.get_by_role("button", name="Save", exact=True))
    owner.open("/t/acme/executions?view=all")
    owner.follow(owner.page.get_by_role("link", name="Rough nights"))

    assert owner.page.locator(".views [aria-current]").inner_text() == "Rough nights"
    assert len(rows(owner)) == 3


def test_a_list_is_taken_along_as_a_file(owner: Visitor, history: Environment) -> None:
    owner.open("/t/acme/executions?query=status:error")

    owner.page.get_by_text("Export", exact=True).click()
    with owner.page.expect_download() as download:
        owner.page.get_by_role("link", name="CSV", exact=True).click()

    lines = download.value.path().read_text().splitlines()
    assert download.value.suggested_filename.startswith("executions-acme-")
    assert len(lines) == 1 + len(rows(owner)) == 4


def test_the_data_of_a_run_are_fetched_from_its_n8n(
    owner: Visitor, environment: Environment, n8n: FakeServer, sync: Callable[[Environment], None]
) -> None:
    workflow = n8n.fake.workflows[0]
    n8n.fake.run(workflow.id, status="error", error="not_found")
    sync(environment)
    owner.open("/t/acme/executions")
    owner.follow(owner.page.get_by_role("link", name="Order sync").first)

    owner.page.get_by_role("link", name="Fetch from n8n").click()
    owner.page.locator("details.node").first.wait_for()

    assert owner.path.endswith("/data")
    names = owner.texts(".gantt tbody td:first-child")
    assert len(names) == owner.page.locator("details.node").count() > 0
    assert owner.page.locator("details.node[open] .message").is_visible()
    owner.page.reload()
    assert owner.page.locator("details.node").count() == len(names)


def test_a_failed_run_says_why(owner: Visitor, history: Environment) -> None:
    owner.open("/t/acme/executions?status=error")

    owner.follow(owner.page.get_by_role("link", name="Invoices").first)

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

    owner.follow(owner.page.get_by_role("link", name="Older"))
    owner.page.wait_for_url(re.compile("/sign-in"))

    assert "next=/t/acme/executions%3Fstatus%3Dsuccess" in owner.path.replace("%2F", "/")


def test_it_all_works_without_javascript(without_script: Visitor, history: Environment) -> None:
    visitor = without_script
    visitor.open("/t/acme/executions")
    assert len(rows(visitor)) == 50

    visitor.follow(visitor.page.get_by_role("link", name="Older"))
    assert len(rows(visitor)) == 13
    visitor.follow(visitor.page.get_by_role("link", name="Newest"))
    search(visitor, "status:error fire")
    assert len(rows(visitor)) == 3
    visitor.follow(visitor.page.get_by_role("link", name="Runs over time"))
    assert visitor.page.locator(".chart .drawing").is_visible()
    assert "Error 3" in visitor.text(".legend")
    visitor.follow(visitor.page.get_by_role("link", name="Back to the list"))
    visitor.follow(visitor.page.get_by_role("link", name="Remove fire"))
    visitor.follow(visitor.page.get_by_role("link", name="Invoices").first)
    visitor.follow(visitor.page.get_by_role("link", name="Fetch from n8n"))

    assert "The data cannot be shown" in visitor.text()
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
    owner.page.locator("footer").click()
    assert menu.get_attribute("open") is None
