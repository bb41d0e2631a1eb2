"""`manage.py screenshots`: the pages of a running demo, by day and by night, wide and narrow."""

from argparse import ArgumentParser
from collections.abc import Iterator
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.test import Client
from django.utils.http import urlencode

from analytics.models import ErrorGroup
from analytics.own_rules import draft_for
from executions.grouping.masks import VALUE
from executions.models import Execution, Workflow
from observatory.stack.browser import FLAGS, find_chromium
from tenants.models import Tenant, User
from tenants.scope import operator_scope

SIZES = {
    "wide": {"width": 1440, "height": 900},
    "narrow": {"width": 390, "height": 844},
}
SCHEMES = ("light", "dark")
# The workflow that a person would look at first, and a failure with its reason.
BUSY_WORKFLOW = "Orders: intake from the shop"
COMMON_ERROR = "rate_limit"
MESSAGES_OF_A_DRAFT = 10


class Command(BaseCommand):
    help = "Makes docs/screenshots/ from a running `manage.py up --demo`; needs Chromium."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", default="http://127.0.0.1:8000", help="where `up` runs")
        parser.add_argument("--tenant", default="acme", help="slug; default: acme")
        parser.add_argument("--only", help="name of one page")
        parser.add_argument(
            "--to", type=Path, default=Path(settings.BASE_DIR) / "docs" / "screenshots"
        )

    def handle(self, *args: Any, url: str, tenant: str, only: str, to: Path, **more: Any) -> None:
        browser = find_chromium()
        if browser is None:
            raise CommandError("There is no Chromium on this machine; install it and try again.")
        pages = dict(pages_of(tenant))
        if only and only not in pages:
            raise CommandError(f"There is no page “{only}”; there are: {', '.join(pages)}.")
        addresses = {name: url + path for name, path in pages.items() if only in (None, name)}
        to.mkdir(parents=True, exist_ok=True)
        cookie = {"name": "sessionid", "value": session_of_an_admin(), "url": url}
        # Only tests and this command need it, so it is not installed for others.
        playwright = import_module("playwright.sync_api")
        with playwright.sync_playwright() as engine:
            chromium = engine.chromium.launch(executable_path=browser, args=FLAGS)
            for size, scheme in product(SIZES, SCHEMES):
                context = chromium.new_context(
                    viewport=SIZES[size], color_scheme=scheme, reduced_motion="reduce"
                )
                context.add_cookies([cookie])
                for name, address in addresses.items():
                    take(context.new_page(), address, to / f"{name}-{scheme}-{size}.png")
                context.close()
            chromium.close()
        self.stdout.write(f"They are in {to}.")


def take(page: Any, address: str, file: Path) -> None:
    answer = page.goto(address, wait_until="networkidle")
    if answer is None or not answer.ok:
        raise CommandError(f"{address} answered {answer and answer.status}.")
    page.screenshot(path=file)
    page.close()


def pages_of(slug: str) -> Iterator[tuple[str, str]]:
    """The name of each picture and the page that it shows."""
    top = f"/t/{slug}"
    with operator_scope():
        tenant = Tenant.objects.filter(slug=slug).first()
        if tenant is None:
            raise CommandError(f"There is no tenant “{slug}”: start `manage.py up --demo`.")
        known = Workflow.objects.for_tenant(tenant)
        workflow = known.filter(name=BUSY_WORKFLOW).first() or known.first()
        failed = Execution.objects.for_tenant(tenant).filter(normalized_status="error")
        failure = failed.exclude(error_message="").first()
        errors = ErrorGroup.objects.for_tenant(tenant).order_by("-last_seen_at")
        error = errors.filter(error_class=COMMON_ERROR).first() or errors.first()
    yield "overview", f"{top}/"
    yield "workflows", f"{top}/workflows"
    if workflow is not None:
        yield "workflow", f"{top}/workflows/{workflow.environment_id}/{workflow.workflow_id}"
    yield "errors", f"{top}/errors?tab=all"
    if error is not None:
        yield "error", f"{top}/errors/{error.pk}"
        yield "rules", f"{top}/errors/rules?{urlencode(drafted_rule(tenant, error))}"
    yield "executions", f"{top}/executions"
    if failure is not None:
        yield "execution", f"{top}/executions/{failure.pk}"
    yield "environments", f"{top}/environments"
    yield "settings", f"{top}/settings/members"
    yield "design", f"{top}/design"


def drafted_rule(tenant: Tenant, error: ErrorGroup) -> dict[str, str]:
    """A rule that is tried out and not kept, begun from the error as its page does."""
    with operator_scope():
        failures = Execution.objects.for_tenant(tenant).filter(fingerprint=error.fingerprint)
        messages = list(failures.values_list("error_message", flat=True)[:MESSAGES_OF_A_DRAFT])
    return draft_for(error.template.replace(VALUE, "…"), messages)


def session_of_an_admin() -> str:
    """A session for the pictures, as if an administrator had signed in."""
    admin = User.objects.filter(is_superuser=True, is_active=True).first()
    if admin is None:
        raise CommandError("There is no administrator; start `manage.py up --demo`.")
    client = Client()
    with transaction.atomic():
        client.force_login(admin)
    return client.cookies["sessionid"].value
