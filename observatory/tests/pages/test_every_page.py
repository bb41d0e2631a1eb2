"""Every page with the worst texts that n8n and people can come up with."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Dialog

from analytics.group_actions import add_note, assign
from analytics.models import ErrorGroup
from analytics.rollups import refresh_whole
from analytics.tests.failing import fail
from executions.models import SyncRun
from executions.tests.factories import (
    EnvironmentFactory,
    ErrorRuleFactory,
    ExecutionFactory,
    WorkflowFactory,
)
from observatory.frontend import FOR_TESTS
from observatory.tests.pages.conftest import NARROW, WIDE, Visitor
from tenants.audit import Actor, record
from tenants.models import Membership, Role
from tenants.scope import operator_scope, tenant_scope
from tenants.tests.factories import MembershipFactory, TenantFactory, UserFactory
from tenants.tokens import create_token

HOSTILE = (
    "W" * 500,
    "<script>alert('name')</script><img src=x onerror=alert(1)>",
    "مرحبا بالعالم " * 12,
    "\u202egnirts desrever\u202c and on",
    "👩‍👩‍👧‍👦" * 40,
    "&amp; \"quoted\" 'twice' {{ 7*7 }}",
)
# The contrast of each text, placeholder too, with the ground that it stands on.
CONTRASTS = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3]));
  const ground = (element) => {
    if (!element) return rgba(getComputedStyle(document.body).backgroundColor);
    const own = rgba(getComputedStyle(element).backgroundColor);
    return own[3] === 1 ? own : [...over(own, ground(element.parentElement)), 1];
  };
  const light = (colour) => [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) => {
    const part = colour[i] / 255;
    return sum + weight * (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  }, 0);
  const ratio = (a, b) => {
    const [low, high] = [light(a), light(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const poor = [];
  const check = (element, colour, text) => {
    const below = ground(element);
    const found = ratio([...over(rgba(colour), below)], below);
    if (found < 4.5) poor.push(`${text.slice(0, 40)}: ${found.toFixed(2)}`);
  };
  for (const element of document.body.querySelectorAll("*")) {
    if (!element.checkVisibility() || element.closest("option, datalist, script")) continue;
    const style = getComputedStyle(element);
    const own = [...element.childNodes].filter((node) => node.nodeType === 3);
    const text = own.map((node) => node.data.trim()).join("");
    if (text) check(element, style.color, text);
    if (element.placeholder) {
      check(element, getComputedStyle(element, "::placeholder").color, element.placeholder);
    }
  }
  return poor;
}"""


@pytest.fixture
def member(live_server: object) -> Membership:
    """An admin of the system in two tenants, with names as long as they may be."""
    with operator_scope():
        user = UserFactory(username="u" * 150, is_staff=True, is_superuser=True)
        MembershipFactory(user=user, tenant=TenantFactory(slug="b", name=HOSTILE[1]))
        tenant = TenantFactory(slug="acme", name="N" * 200, time_zone="Asia/Kolkata")
        return MembershipFactory(user=user, tenant=tenant, role=Role.OWNER)


@pytest.fixture
def pages(member: Membership) -> dict[str, str]:
    """Every page by its name, and hostile texts on all of them."""
    tenant = member.tenant
    with tenant_scope(tenant.pk):
        for text in HOSTILE[1:]:
            EnvironmentFactory(tenant=tenant, name=text[:100])
        environment = EnvironmentFactory(
            tenant=tenant,
            name=HOSTILE[0][:100],
            base_url="https://" + "n" * 480 + ".example",
            health="unreachable",
            health_reason="R" * 2000,
        )
        runs = [
            ExecutionFactory(
                tenant=tenant,
                environment_id=environment.pk,
                workflow_id="w" * 64,
                workflow_name=text,
                n8n_execution_id=f"{number}" * 64,
                id_order=number,
                mode="m" * 40,
                status="s" * 40,
                normalized_status="error",
                error_message=(text * 8000)[:8000],
                error_node=text[:200],
                error_class="timeout",
            )
            for number, text in enumerate(HOSTILE)
        ]
        for number, text in enumerate(HOSTILE):
            WorkflowFactory(
                environment=environment,
                workflow_id="w" * 64 if number == 0 else f"w{number}",
                name=text,
                is_active=True,
                tags=[text[:100], "critical"],
            )
        for number, text in enumerate(HOSTILE):
            fail(
                environment,
                timezone.now() - timedelta(minutes=number + 1),
                (f"{text} of {number}" * 8000)[:8000],
                workflow_id=f"w{number}",
                workflow_name=text,
                error_node=text[:200],
                n8n_execution_id=f"9{number}",
            )
        fail(
            environment,
            timezone.now(),
            "Request failed with status code 401",
            error_node="W" * 200,
            n8n_execution_id="99",
        )
        tuple(refresh_whole(tenant_id=tenant.pk, environment_id=environment.pk))
        error = max(ErrorGroup.objects.for_tenant(tenant), key=lambda one: len(one.template))
        assign(error, actor=Actor("u" * 200), user=member.user)
        add_note(error, actor=Actor("u" * 200), text=(HOSTILE[1] + "W" * 4900)[:5000])
        rules = [
            ErrorRuleFactory(
                tenant=tenant,
                name=f"{number}{text}"[:200],
                pattern=text[:500],
                created_by="u" * 200,
            )
            for number, text in enumerate(HOSTILE)
        ]
        create_token(tenant=tenant, name=HOSTILE[0][:100], role=Role.OWNER)
        record(
            tenant=tenant,
            actor=Actor("u" * 200),
            action="a" * 60,
            subject=environment,
            changes={"name": HOSTILE[1], "M" * 100: "W" * 3000, "n": 5, "none": None},
        )
        SyncRun.objects.create(
            tenant=tenant,
            environment=environment,
            kind=SyncRun.Kind.HISTORY,
            message="M" * 1000,
            requested_by="u" * 150,
        )
    top, one = "/t/acme", f"/t/acme/environments/{environment.pk}"
    shown = {f"detail {n}": f"{top}/executions/{run.pk}" for n, run in enumerate(runs)}
    return shown | {
        "list": f"{top}/executions",
        "list narrowed": f"{top}/executions?workflow={'w' * 64}&status=error&q=W",
        "list refused": f"{top}/executions?status={'x' * 300}&colour=red&workflow={'y' * 99}",
        "overview": f"{top}/",
        "overview narrowed": f"{top}/?environment={environment.pk}&tag={'W' * 100}&time_range=1h",
        "overview refused": f"{top}/?time_range={'x' * 300}&colour=red",
        "workflows": f"{top}/workflows",
        "workflows searched": f"{top}/workflows?q={'W' * 200}&show=gone",
        "workflow": f"{top}/workflows/{environment.pk}/{'w' * 64}",
        "errors": f"{top}/errors",
        "errors searched": f"{top}/errors?tab=all&q={'W' * 200}",
        "error": f"{top}/errors/{error.pk}?into=W",
        "credentials": f"{top}/errors/credentials",
        "error rules": f"{top}/errors/rules",
        "error rules tried": f"{top}/errors/rules?name=W&kind=glob&pattern=*",
        "error rules refused": f"{top}/errors/rules?name={'W' * 300}&kind=x&pattern=",
        "error rule": f"{top}/errors/rules/{rules[0].pk}",
        "remove error rule": f"{top}/errors/rules/{rules[0].pk}/remove",
        "find": f"{top}/find?q=W",
        "design": f"{top}/design",
        "settings": f"{top}/settings",
        "settings retention": f"{top}/settings/retention",
        "settings you": f"{top}/settings/you",
        "settings members": f"{top}/settings/members",
        "settings tokens": f"{top}/settings/tokens",
        "settings views": f"{top}/settings/views",
        "settings audit": f"{top}/settings/audit",
        "environments": f"{top}/environments",
        "environment": one,
        "edit": f"{one}/edit",
        "remove": f"{one}/remove",
        "connect": f"{top}/environments/connect",
        "no such page": f"{top}/{'z' * 300}",
    }


@pytest.fixture
def visitor_of_all(
    let_in: Callable[[Membership], Visitor], member: Membership, pages: dict[str, str]
) -> Visitor:
    visitor = let_in(member)
    visitor.expected |= {400, 404}
    visitor.page.on("dialog", fault_of_dialog(visitor))
    return visitor


def fault_of_dialog(visitor: Visitor) -> Callable[[Dialog], None]:
    def note(dialog: Dialog) -> None:
        visitor.faults.append(f"a text was run as a script: {dialog.message}")
        dialog.dismiss()

    return note


def cut_off(visitor: Visitor) -> list[str]:
    """What can only be seen by scrolling sideways."""
    wider = visitor.overflow()
    return visitor.cut_tables() + [f"the page is {wider} pixels too wide"] * bool(wider)


def test_no_text_breaks_a_page_on_a_phone(visitor_of_all: Visitor, pages: dict[str, str]) -> None:
    visitor = visitor_of_all
    visitor.page.set_viewport_size(NARROW)  # type: ignore[arg-type]

    found = []
    for name, path in pages.items():
        visitor.open(path)
        found += [f"{name}: {fault}" for fault in cut_off(visitor)]

    assert found == []


WHAT_MOVED = """async () => {
  const moved = [];
  const note = (list) => moved.push(...list.getEntries());
  const observer = new PerformanceObserver(note);
  observer.observe({ type: "layout-shift", buffered: true });
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  note({ getEntries: () => observer.takeRecords() });
  return moved.filter((one) => !one.hadRecentInput).flatMap((one) => one.sources)
    .map(({ node, previousRect, currentRect }) =>
      `${node?.className || node?.nodeName} ${JSON.stringify([previousRect, currentRect])}`);
}"""
IS_WHOLE = """() =>
  !document.querySelector(".htmx-request, .htmx-settling, [hx-trigger=load]:empty")
  && [...document.querySelectorAll("[data-chart]")].every((one) => one.matches(".is-drawn"))"""


def test_nothing_moves_under_the_pointer_when_charts_and_counts_arrive(
    visitor_of_all: Visitor, pages: dict[str, str]
) -> None:
    visitor = visitor_of_all

    moved = {}
    for size in (NARROW, WIDE):
        # Between the pages it would be the emulated screen that moves what is on them.
        visitor.page.set_viewport_size(size)  # type: ignore[arg-type]
        for name in ("list", "list narrowed", "overview", "workflow", "error", "design"):
            visitor.open(pages[name])
            visitor.page.wait_for_function(IS_WHOLE)
            if shifts := visitor.page.evaluate(WHAT_MOVED):
                moved[name, size["width"]] = shifts

    assert moved == {}


PLACES = """() => [true, false].map((isHidden) => {
  const mark = document.getElementById("live");
  mark.hidden = isHidden;
  return mark.getBoundingClientRect().toJSON();
})"""


def test_the_mark_that_a_page_is_live_has_its_place_before_it_comes(
    let_in: Callable[[Membership], Visitor], member: Membership
) -> None:
    visitor = let_in(member)
    visitor.open("/t/acme/")

    before, after = visitor.page.evaluate(PLACES)

    assert before == after


IS_PAINTED = """() => performance.getEntriesByName("first-paint").length"""
SHOWN_AND_READ = """() => [
  performance.getEntriesByName("first-paint")[0].startTime,
  performance.getEntriesByType("navigation")[0].responseEnd,
]"""


def test_a_page_is_shown_when_it_is_read_whole(
    let_in: Callable[[Membership], Visitor], member: Membership
) -> None:
    visitor = let_in(member)
    slow = {"offline": False, "latency": 0, "downloadThroughput": 10_000, "uploadThroughput": -1}
    visitor.open("/t/acme/executions")

    session = visitor.page.context.new_cdp_session(visitor.page)
    session.send("Network.emulateNetworkConditions", slow)
    visitor.page.reload()
    visitor.page.wait_for_function(IS_PAINTED)
    shown, read = visitor.page.evaluate(SHOWN_AND_READ)

    assert shown >= read


SERIOUS = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations.filter((one) => ["serious", "critical"].includes(one.impact))
    .map(({ id, nodes }) => [id, ...nodes.slice(0, 3).map((node) => `${node.target}`)].join(" "));
}"""


def test_every_page_can_be_read_whole_and_by_everybody_by_day_and_by_night(
    visitor_of_all: Visitor, pages: dict[str, str]
) -> None:
    visitor = visitor_of_all
    checker = (FOR_TESTS / "axe.min.js").read_text()

    found = []
    for name, path in pages.items():
        visitor.open(path)
        found += [f"{name}: {fault}" for fault in cut_off(visitor)]
        visitor.page.evaluate(checker)
        for scheme in ("light", "dark"):
            visitor.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            poor = [f"too little contrast: {text}" for text in visitor.page.evaluate(CONTRASTS)]
            faults = poor + visitor.page.evaluate(SERIOUS)
            found += [f"{name}, {scheme}: {fault}" for fault in faults]

    assert found == []


def test_times_are_shown_in_the_zone_of_the_tenant(
    visitor_of_all: Visitor, pages: dict[str, str]
) -> None:
    visitor_of_all.open(pages["detail 0"])

    assert "Times are in Asia/Kolkata." in visitor_of_all.text("footer")
    assert "IST" in visitor_of_all.texts(".facts time")[0]


def test_the_description_of_the_api_opens_and_unfolds(owner: Visitor) -> None:
    owner.open("/api/v1/docs")

    owner.page.locator(".opblock-get .opblock-summary-control").first.click()
    owner.page.locator(".opblock-body .responses-table").first.wait_for()

    assert owner.overflow() == 0


def test_the_admin_works_under_the_policy(visitor_of_all: Visitor) -> None:
    visitor = visitor_of_all
    visitor.open("/admin/executions/execution/")

    visitor.page.locator(".theme-toggle:visible").click()
    visitor.follow(visitor.page.locator("#result_list th a").first)

    visitor.page.locator("#content h1").wait_for()
    assert visitor.page.locator("html").get_attribute("data-theme") == "dark"


def test_the_browsers_own_question_for_an_icon_is_answered(owner: Visitor) -> None:
    answer = owner.page.goto(f"{owner.address}/favicon.ico")

    assert answer is not None
    assert (answer.status, answer.headers["content-type"]) == (200, "image/x-icon")
