"""The pages of numbers as people use them: pointing, brushing, typing, by day and by night."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from analytics.tests.counting import add_run, random_runs, refresh_all
from executions.models import Coverage, Environment, Health
from executions.tests.factories import EnvironmentFactory, WorkflowFactory
from observatory.tests.pages.conftest import NARROW, Visitor
from tenants.models import Tenant
from tenants.scope import operator_scope

LOOK_AGAIN = "document.dispatchEvent(new Event('visibilitychange'))"


@pytest.fixture
def history(tenant: Tenant) -> Environment:
    """Two days of three workflows; Order sync failed nine times in the last hour."""
    now = timezone.now()
    with operator_scope():
        environment = EnvironmentFactory(tenant=tenant, name="Production", health=Health.REACHABLE)
        EnvironmentFactory(tenant=tenant, name="Staging", health=Health.REACHABLE)
        Coverage.objects.create(
            tenant=tenant, environment=environment, from_at=now - timedelta(days=9), to_at=now
        )
        for number, name in enumerate(("Order sync", "Invoices", "Newsletter")):
            WorkflowFactory(
                environment=environment, workflow_id=f"wf{number}", name=name, is_active=True
            )
        random_runs(environment, count=200, since=now - timedelta(days=2), until=now)
        for number in range(9):
            add_run(
                environment,
                now - timedelta(minutes=number + 1),
                workflow_id="wf0",
                status="error",
                error_class="timeout",
                n8n_execution_id=f"e{number}",
                id_order=900 + number,
                execution_time=600_000 if number == 4 else 1500,
            )
        refresh_all()
    return environment


def failures(visitor: Visitor) -> str:
    return visitor.page.locator(".kpi", has_text="Failures").locator(".figure").inner_text()


def brush(visitor: Visitor, begin: float, end: float) -> None:
    """Drag over a part of the chart."""
    box = visitor.page.locator("figure[data-chart=runs] .u-over").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    visitor.page.mouse.move(box["x"] + box["width"] * begin, middle)
    visitor.page.mouse.down()
    visitor.page.mouse.move(box["x"] + box["width"] * end, middle, steps=4)
    visitor.page.mouse.up()


def test_a_number_opens_its_rows(owner: Visitor, history: Environment) -> None:
    owner.open("/")
    count = int(failures(owner).replace(",", ""))

    owner.follow(owner.page.locator(".kpi", has_text="Failures").locator(".figure a"))
    owner.page.wait_for_url("**/executions?*")

    assert owner.page.locator("#rows tr:not(#more)").count() == min(count, 50)
    assert {text.split()[-1] for text in owner.texts("#rows .status")} == {"Error"}


def test_brushing_the_chart_narrows_the_time_and_the_address_keeps_it(
    owner: Visitor, history: Environment
) -> None:
    owner.open("/t/acme/")
    owner.page.locator("figure.is-drawn .u-over").first.wait_for()

    brush(owner, 0.25, 0.75)
    owner.page.wait_for_url("**/t/acme/?*from=*")
    narrowed = owner.texts(".kpi .figure")
    owner.page.reload()

    assert owner.texts(".kpi .figure") == narrowed
    owner.follow(owner.page.get_by_role("link", name="The time after"))
    owner.page.wait_for_url(re.compile("from=.*to="))
    owner.page.go_back()
    assert owner.texts(".kpi .figure") == narrowed


def test_a_time_is_typed_and_goes_along_to_other_pages(
    owner: Visitor, history: Environment
) -> None:
    owner.open("/t/acme/")

    owner.page.keyboard.press("t")
    owner.page.get_by_label("From").fill("now-36h")
    owner.page.keyboard.press("Enter")
    owner.page.wait_for_url("**from=now-36h**")
    owner.page.keyboard.press("g")
    owner.page.keyboard.press("x")
    owner.page.wait_for_url("**/executions?**")

    assert "started_after=now-36h" in owner.path


def test_a_time_that_cannot_be_meant_is_refused_and_led_back(
    owner: Visitor, history: Environment
) -> None:
    owner.expected.add(400)
    owner.open("/t/acme/?from=yesterday-ish")

    assert "“yesterday-ish” is not a time" in owner.text("[role=alert]")
    owner.follow(owner.page.get_by_role("link", name="Show the last 24 hours"))
    assert owner.path == "/t/acme/"


def test_environments_are_chosen_together(owner: Visitor, history: Environment) -> None:
    owner.open("/t/acme/")

    owner.page.locator("summary", has_text="All environments").click()
    owner.page.get_by_role("checkbox", name="Production").check()
    owner.follow(owner.page.locator("details[open]").get_by_role("button", name="Show"))
    owner.page.wait_for_url("**environment=**")

    assert owner.path == f"/t/acme/?environment={history.pk}"
    assert owner.texts(".scope summary .name")[0] == "Production"


def test_the_palette_finds_a_workflow_by_a_few_letters(
    owner: Visitor, history: Environment
) -> None:
    owner.open("/t/acme/")

    owner.page.keyboard.press("Control+k")
    owner.page.keyboard.type("order")
    owner.page.locator("#places a", has_text="Order sync").wait_for()
    owner.page.keyboard.press("Enter")
    owner.page.wait_for_url("**/workflows/**")

    assert owner.text("h1").startswith("Order sync")


def test_rows_are_walked_and_opened_by_keys_which_can_be_switched_off(
    owner: Visitor, history: Environment
) -> None:
    owner.open("/t/acme/workflows")

    owner.page.keyboard.press("j")
    owner.page.keyboard.press("j")
    second = owner.page.locator("tbody tr:nth-child(2) a").first
    assert second.evaluate("link => link === document.activeElement")
    owner.page.keyboard.press("Enter")
    owner.page.wait_for_url("**/workflows/*/*")

    owner.page.keyboard.press("?")
    owner.page.get_by_label("Single keys do something").uncheck()
    owner.page.keyboard.press("Escape")
    owner.page.keyboard.press("g")
    owner.page.keyboard.press("o")
    owner.page.keyboard.press("t")
    assert owner.page.locator("details.popover[open]").count() == 0
    assert "/workflows/" in owner.path


def test_the_table_of_workflows_is_searched_and_sorted(
    owner: Visitor, history: Environment
) -> None:
    owner.open("/t/acme/workflows")
    assert owner.texts("td.main a")[0] == "Order sync"

    owner.follow(owner.page.get_by_role("link", name="Workflow", exact=True))
    owner.page.wait_for_url("**sort=workflow_name**")
    assert owner.texts("td.main a") == ["Invoices", "Newsletter", "Order sync"]
    owner.page.keyboard.press("/")
    owner.page.keyboard.type("news")
    owner.page.keyboard.press("Enter")
    owner.page.wait_for_url("**q=news**")

    assert owner.texts("td.main a") == ["Newsletter"]
    assert "sort=workflow_name" in owner.path


def test_a_slow_run_is_opened_from_the_chart_of_durations(
    owner: Visitor, history: Environment
) -> None:
    owner.open(f"/t/acme/workflows/{history.pk}/wf0?time_range=1h")
    durations = owner.page.locator("figure[data-chart=durations]")
    durations.locator(".u-over").wait_for()
    durations.locator("summary").click()

    durations.get_by_role("link").first.click()
    owner.page.wait_for_url("**/executions/*")

    assert "Order sync" in owner.text("h1")


def test_a_cell_of_the_history_is_a_run(owner: Visitor, history: Environment) -> None:
    owner.open(f"/t/acme/workflows/{history.pk}/wf0")
    cells = owner.page.locator(".cells a")
    assert cells.last.get_attribute("class") == "is-error"

    cells.last.click()
    owner.page.wait_for_url("**/executions/*")

    assert "Error" in owner.text("h1")


def test_the_dark_colours_come_at_once_and_stay(owner: Visitor, history: Environment) -> None:
    owner.open("/t/acme/")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = owner.page.evaluate(ground)

    owner.page.get_by_label("You:").click()
    with owner.page.expect_response("**/theme"):
        owner.page.get_by_role("button", name="Dark").click()
    dark = owner.page.evaluate(ground)
    owner.page.reload()

    assert dark != light
    assert owner.page.evaluate(ground) == dark
    assert owner.page.locator("html").get_attribute("data-theme") == "dark"


def test_new_runs_appear_by_themselves(owner: Visitor, history: Environment) -> None:
    owner.open("/t/acme/")
    before = int(failures(owner).replace(",", ""))
    with operator_scope():
        add_run(history, timezone.now(), workflow_id="wf0", status="error", n8n_execution_id="999")

    owner.page.evaluate(LOOK_AGAIN)
    owner.page.locator(f".kpi a[data-count='{before + 1}']").wait_for()

    assert owner.page.locator("figure.is-drawn").count() == 1


def test_what_is_being_read_is_left_alone(owner: Visitor, history: Environment) -> None:
    owner.open("/t/acme/")
    owner.page.get_by_text("As a table").click()

    owner.page.evaluate(LOOK_AGAIN)
    owner.page.evaluate("htmx.trigger('[data-live]', 'visibilitychange')")

    asked = (
        "performance.getEntriesByType('resource').filter(e => e.initiatorType == 'xmlhttprequest')"
    )
    assert owner.page.evaluate(f"{asked}.length") == 0


def test_it_all_works_without_javascript(without_script: Visitor, history: Environment) -> None:
    visitor = without_script
    visitor.open("/t/acme/")
    assert visitor.page.locator("svg.drawing rect").count() > 5
    visitor.page.get_by_text("As a table").click()
    assert visitor.page.locator(".twin tbody tr").count() == 24

    visitor.page.locator("summary", has_text="Last 24 hours").click()
    visitor.follow(visitor.page.get_by_role("link", name="Last 7 days"))
    assert visitor.path == "/t/acme/?time_range=7d"
    visitor.follow(visitor.page.get_by_role("link", name="Workflows", exact=True))
    assert visitor.path == "/t/acme/workflows?time_range=7d"
    visitor.follow(visitor.page.get_by_role("link", name="Order sync"))
    assert visitor.page.locator(".cells a").count() > 9
    visitor.follow(visitor.page.get_by_role("link", name="Find"))
    visitor.page.get_by_label("Name of a workflow or environment").fill("invoi")
    visitor.follow(visitor.page.get_by_role("main").get_by_role("button", name="Find"))
    assert visitor.texts("main .palette a .name") == ["Invoices"]
    visitor.page.get_by_label("You:").click()
    visitor.follow(visitor.page.get_by_role("button", name="Dark"))
    assert visitor.page.locator("html").get_attribute("data-theme") == "dark"


def test_the_filters_fit_on_a_phone(owner: Visitor, history: Environment) -> None:
    owner.page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    owner.open("/t/acme/")

    owner.page.locator("summary", has_text="Last 24 hours").click()
    box = owner.page.locator(".range .popup").bounding_box()

    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= NARROW["width"]
    assert owner.overflow() == 0


def test_all_that_a_page_loads_is_light(owner: Visitor, history: Environment) -> None:
    owner.open("/t/acme/")
    owner.page.wait_for_load_state("networkidle")

    weight: int = owner.page.evaluate(
        "['navigation', 'resource'].flatMap((kind) => performance.getEntriesByType(kind))"
        ".reduce((sum, one) => sum + one.encodedBodySize, 0)"
    )
    hosts: list[str] = owner.page.evaluate(
        "[...new Set(performance.getEntriesByType('resource').map((e) => new URL(e.name).origin))]"
    )

    assert hosts == [owner.address]
    # The test server sends static files as they are; compressed, all of it is 120 kB.
    assert weight < 450_000
