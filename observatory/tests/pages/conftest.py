"""A person at a browser, in front of a running Observatory with a stand-in n8n behind it.

Whatever the browser complains of on the way (scripts, styles, policy, failed requests) fails the
test at its end.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Response
from pytest_django.live_server_helper import LiveServer

from executions.models import Environment
from executions.n8n.addresses import parse_allowed_networks
from executions.n8n.fake import FakeN8n
from executions.n8n.fake_server import FakeServer
from executions.sync import run_turn
from executions.tests.factories import EnvironmentFactory
from executions.tests.faults.stage import eventually
from tenants.models import Membership, Role, Tenant
from tenants.scope import operator_scope, tenant_scope
from tenants.tests.factories import MembershipFactory

TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy ${event.violatedDirective} forbids ${event.blockedURI || "inline"}`));
"""
# The description of the API is put together when it is asked for.
NAVIGATION_MS = 30_000
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 360, "height": 740}


@dataclass
class Visitor:
    """One tab. ``expected`` are the refusals that a test provokes."""

    page: Page
    address: str
    faults: list[str] = field(default_factory=list)
    expected: set[int] = field(default_factory=set)

    def watch(self) -> None:
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        self.page.on("response", self._on_response)

    def _on_console(self, message: ConsoleMessage) -> None:
        # What the server answered is judged by its status.
        is_status = message.text.startswith("Failed to load resource")
        if message.type in ("error", "warning") and not is_status:
            self.faults.append(f"console: {message.text}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.expected:
            self.faults.append(f"{response.status} of {response.url}")

    def open(self, path: str) -> None:
        self.page.goto(self.address + path)

    def follow(self, target: Locator) -> None:
        """Click on what leads to another page, and go on when that one is there.

        A click alone returns while the page before may still be what is read.
        """
        with self.page.expect_navigation():
            target.click()

    @property
    def path(self) -> str:
        return self.page.url.removeprefix(self.address)

    def text(self, selector: str = "main") -> str:
        return self.page.inner_text(selector)

    def texts(self, selector: str) -> list[str]:
        return [text.strip() for text in self.page.locator(selector).all_inner_texts()]

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        wider: int = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return wider

    def cut_tables(self) -> list[str]:
        """The tables of which a part can only be seen by scrolling sideways."""
        cut: list[str] = self.page.evaluate(
            """() => [...document.querySelectorAll(".scroll")]
              .filter((frame) => frame.checkVisibility() && frame.scrollWidth > frame.clientWidth)
              .map((frame) => `${frame.ariaLabel} ${frame.scrollWidth} of ${frame.clientWidth}`)"""
        )
        return cut


@pytest.fixture
def visitor(live_server: LiveServer, browser_context: BrowserContext) -> Iterator[Visitor]:
    """Somebody who has not signed in."""
    browser_context.add_init_script(TELL_VIOLATIONS)
    browser_context.set_default_navigation_timeout(NAVIGATION_MS)
    page = browser_context.new_page()
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    visitor = Visitor(page, live_server.url)
    visitor.watch()
    yield visitor
    browser_context.close()
    # A request that is still served would meet the emptying of the database in a deadlock.
    eventually(lambda: not any("process_request" in t.name for t in threading.enumerate()))
    assert visitor.faults == []


@pytest.fixture
def membership(live_server: LiveServer) -> Membership:
    with operator_scope():
        return MembershipFactory(role=Role.OWNER, tenant__slug="acme", tenant__name="Acme")


@pytest.fixture
def tenant(membership: Membership) -> Tenant:
    return membership.tenant


@pytest.fixture
def let_in(visitor: Visitor) -> Callable[[Membership], Visitor]:
    """Sign in without the page for it, which has its own tests."""

    def enter(membership: Membership) -> Visitor:
        client = Client()
        client.force_login(membership.user)
        session = client.cookies["sessionid"].value
        visitor.page.context.add_cookies(
            [{"name": "sessionid", "value": session, "url": visitor.address}]
        )
        return visitor

    return enter


@pytest.fixture
def owner(let_in: Callable[[Membership], Visitor], membership: Membership) -> Visitor:
    return let_in(membership)


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


@pytest.fixture
def n8n(settings: Any) -> Iterator[FakeServer]:
    settings.ALLOWED_NETWORKS = parse_allowed_networks("loopback")
    fake = FakeN8n(first_id=1000)
    fake.add_workflow("Order sync")
    with FakeServer(fake) as server:
        yield server


@pytest.fixture
def environment(tenant: Tenant, n8n: FakeServer) -> Environment:
    """A connected n8n from which nothing was copied yet."""
    with tenant_scope(tenant.pk):
        return EnvironmentFactory(
            tenant=tenant, name="Production", base_url=n8n.url, api_key=n8n.fake.api_key
        )


@pytest.fixture
def sync() -> Callable[[Environment], None]:
    """What a worker does meanwhile."""

    def turn(environment: Environment) -> None:
        result = run_turn(
            tenant_id=environment.tenant_id, environment_id=environment.pk, owner="test"
        )
        assert (result.ran, result.has_more) == (True, False)

    return turn
