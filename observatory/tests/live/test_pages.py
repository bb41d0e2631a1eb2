"""A page in Chromium before a real server."""

import pytest
from django.test import Client

from executions.tests.factories import EnvironmentFactory
from executions.tests.faults.stage import eventually
from tenants.realtime import tell
from tenants.scope import tenant_scope

pytestmark = pytest.mark.processes

COUNT = '[data-count="last_day.total_executions"]'


def say_count(membership, number):
    counts = {"total_executions": number, "success_count": number, "failure_count": 0}
    assert tell(membership.tenant_id, "counts.update", {**counts, "today": counts})


@pytest.fixture
def page(web, membership, browser_context):
    with tenant_scope(membership.tenant_id):
        EnvironmentFactory(tenant=membership.tenant)
    web.start()
    client = Client()
    client.force_login(membership.user)
    address = f"http://127.0.0.1:{web.port}"
    session = client.cookies["sessionid"].value
    browser_context.add_cookies([{"name": "sessionid", "value": session, "url": address}])
    page = browser_context.new_page()
    # So that a test can let time pass that nobody waits for.
    page.clock.install()
    page.goto(f"{address}/t/acme/executions")
    page.locator("#live[data-state=live]").wait_for()
    page.locator(COUNT).wait_for()
    return page


def test_a_page_keeps_counting_across_a_restart_without_a_reload(web, page, membership):
    page.evaluate("window.isTheSamePage = true")
    say_count(membership, 1234)
    page.locator(COUNT, has_text="1,234").wait_for()

    web.stop()
    page.locator("#live", has_text="Reconnecting").wait_for()
    say_count(membership, 1235)
    web.start()

    page.locator(COUNT, has_text="1,235").wait_for()
    say_count(membership, 1236)
    page.locator(COUNT, has_text="1,236").wait_for()
    assert page.inner_text("#live") == "Live"
    assert page.evaluate("window.isTheSamePage")


def test_a_page_that_hears_nothing_for_long_says_since_when(web, page, membership):
    say_count(membership, 1234)
    page.locator(COUNT, has_text="1,234").wait_for()
    web.stop()
    page.locator("#live", has_text="Reconnecting").wait_for()

    page.clock.fast_forward("00:30")

    page.locator("#live[data-state=stale]", has_text="Stale since").wait_for()
    assert page.inner_text(COUNT) == "1,234"
    web.start()
    page.locator("#live[data-state=live]").wait_for()


NOTE_STATES = """
window.states = [];
new MutationObserver(() => window.states.push(document.getElementById("live").dataset.state))
  .observe(document, { subtree: true, attributeFilter: ["data-state"] });
"""


def test_a_page_is_live_only_from_the_event_on_after_which_all_is_told(page):
    page.add_init_script(NOTE_STATES)
    only_opened = {"content_type": "text/event-stream", "body": "retry: 100000\n\n"}
    page.route("**/api/v1/sse/counts/*", lambda route: route.fulfill(**only_opened))

    page.reload()
    page.locator("#live[data-state=reconnecting]").wait_for()

    assert "live" not in page.evaluate("window.states")


def test_without_javascript_there_is_no_mark_and_the_page_is_asked_for_slowly(web, page, browser):
    state = page.context.storage_state()
    plain = browser.new_context(storage_state=state, java_script_enabled=False)
    page = plain.new_page()
    page.goto(f"http://127.0.0.1:{web.port}/t/acme/executions")

    assert page.locator("h1").is_visible()
    assert page.locator("#live").is_hidden()
    assert page.locator("meta[http-equiv=refresh]").get_attribute("content") == "60"
    plain.close()


def test_new_rows_wait_behind_a_button(page, membership):
    assert page.locator("#new-rows").is_hidden()

    for count in (5, 7):
        tell(membership.tenant_id, "execution.completed", {"count": count})

    page.locator("#new-rows", has_text="12 new").wait_for()
    page.locator("#new-rows").click()
    eventually(lambda: page.locator("#new-rows").is_hidden())
