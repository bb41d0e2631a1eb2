"""The pages of errors as people use them, with and without scripts."""

from datetime import timedelta

import pytest
from django.utils import timezone

from analytics.tests.counting import refresh_all
from analytics.tests.failing import fail
from executions.models import Coverage, Environment, Health
from executions.tests.factories import EnvironmentFactory, WorkflowFactory
from observatory.tests.pages.conftest import NARROW, Visitor
from tenants.models import Tenant
from tenants.scope import operator_scope

FAILURES = {
    "connect ECONNREFUSED 10.0.0.{}:5432": 9,
    "Request failed with status code 401 for user {}": 4,
    "timeout of {}00 ms exceeded": 2,
}


@pytest.fixture
def failing(tenant: Tenant) -> Environment:
    """Three errors within a day: a refused connection, a refused sign-in, a timeout."""
    now = timezone.now()
    with operator_scope():
        environment = EnvironmentFactory(tenant=tenant, name="Production", health=Health.REACHABLE)
        Coverage.objects.create(
            tenant=tenant, environment=environment, from_at=now - timedelta(days=9), to_at=now
        )
        for number, name in enumerate(("Order sync", "Invoices", "Newsletter")):
            WorkflowFactory(environment=environment, workflow_id=f"wf{number}", name=name)
        for place, (message, count) in enumerate(FAILURES.items()):
            for number in range(count):
                fail(
                    environment,
                    now - timedelta(hours=number + place),
                    message.format(number + 1),
                    workflow_id=f"wf{(place + number % 2) % 3}",
                    n8n_execution_id=f"{place}-{number}",
                    id_order=100 * place + number,
                    error_node=("Postgres", "HTTP Request", "HTTP Request")[place],
                )
        refresh_all()
    return environment


def test_an_error_is_opened_resolved_and_found_again(owner: Visitor, failing: Environment) -> None:
    owner.open("/t/acme/")
    owner.page.keyboard.press("g")
    owner.page.keyboard.press("r")
    owner.page.wait_for_url("**/errors*")

    owner.follow(owner.page.get_by_role("link", name="ECONNREFUSED").first)
    owner.page.locator("summary", has_text="Resolve").click()
    owner.follow(owner.page.get_by_role("button", name="Now"))
    owner.page.locator(".notice", has_text="It is resolved.").wait_for()
    owner.follow(owner.page.get_by_label("Where this is").get_by_role("link", name="Errors"))
    assert "ECONNREFUSED" not in owner.text()
    owner.follow(owner.page.get_by_role("link", name="Resolved"))
    owner.page.wait_for_url("**tab=resolved*")

    assert "ECONNREFUSED" in owner.text()


def test_all_errors_of_a_page_are_archived_and_opened_again(
    owner: Visitor, failing: Environment
) -> None:
    owner.open("/t/acme/errors")

    owner.page.get_by_label("All on this page").check()
    owner.page.locator("summary", has_text="Archive").click()
    owner.page.get_by_label("For days").fill("7")
    owner.follow(owner.page.get_by_role("button", name="Archive"))
    owner.page.locator(".notice", has_text="3 errors are archived.").wait_for()
    owner.follow(owner.page.get_by_role("link", name="Archived"))
    owner.page.wait_for_url("**tab=archived*")
    owner.page.get_by_role("checkbox", name="ECONNREFUSED").check()
    owner.follow(owner.page.get_by_role("button", name="Reopen"))

    owner.page.locator(".notice", has_text="1 error is open again.").wait_for()
    assert "tab=archived" in owner.path


def test_a_rule_is_made_from_an_error_tried_and_removed(
    owner: Visitor, failing: Environment
) -> None:
    owner.open("/t/acme/errors")
    owner.follow(owner.page.get_by_role("link", name="ECONNREFUSED").first)

    owner.follow(owner.page.get_by_role("link", name="Make a rule of your own"))
    owner.page.get_by_text("9 of the newest 15 failures fit it.").wait_for()
    owner.page.get_by_label("Name of the error").fill("The database is away")
    owner.page.get_by_label("Text", exact=True).fill("connect ECONNREFUSED 10.0.0.1:*")
    owner.page.get_by_role("button", name="Try out").click()
    owner.page.get_by_text("1 of the newest 15 failures fit it.").wait_for()
    owner.follow(owner.page.get_by_role("button", name="Add"))
    owner.page.locator(".notice", has_text="“The database is away” is added").wait_for()
    owner.follow(owner.page.get_by_role("link", name="Remove The database is away"))
    owner.follow(owner.page.get_by_role("button", name="Remove"))

    owner.page.locator(".notice", has_text="is removed").wait_for()
    assert "No rule yet" in owner.text()


def test_ticked_rows_stay_while_the_page_would_look_again(
    owner: Visitor, failing: Environment
) -> None:
    owner.open("/t/acme/errors")
    box = owner.page.get_by_role("checkbox", name="ECONNREFUSED")
    box.check()
    asked: list[str] = []
    owner.page.on("request", lambda request: asked.append(request.url))

    owner.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    owner.page.evaluate("new Promise(requestAnimationFrame)")

    assert box.is_checked()
    assert [url for url in asked if "/errors" in url] == []


def test_everything_works_without_a_script(without_script: Visitor, failing: Environment) -> None:
    visitor = without_script
    visitor.open("/t/acme/errors")

    visitor.page.get_by_role("checkbox", name="ECONNREFUSED").check()
    visitor.follow(visitor.page.get_by_role("button", name="Resolve"))
    assert "1 error is resolved." in visitor.text()
    visitor.follow(visitor.page.get_by_role("link", name="Resolved"))
    visitor.follow(visitor.page.get_by_role("link", name="ECONNREFUSED").first)
    visitor.page.get_by_label("Note").fill("The database was moved.")
    visitor.follow(visitor.page.get_by_role("button", name="Add note"))
    visitor.follow(visitor.page.get_by_role("button", name="Reopen"))

    assert "It is open again." in visitor.text()
    assert "The database was moved." in visitor.text()


def test_the_pages_fit_on_a_phone(owner: Visitor, failing: Environment) -> None:
    owner.page.set_viewport_size(NARROW)  # type: ignore[arg-type]

    owner.open("/t/acme/errors")
    assert owner.overflow() == 0
    owner.follow(owner.page.get_by_role("link", name="ECONNREFUSED").first)
    owner.page.wait_for_url("**/errors/*")
    assert owner.overflow() == 0
