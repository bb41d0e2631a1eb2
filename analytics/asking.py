"""What a page of numbers is asked: its form, and the choices that the form offers."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any, Concatenate

from django.db import connection
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from analytics.forms import PagedForm, PeriodForm
from analytics.questions import Question, question_of
from executions.models import Environment
from tenants.access import TenantRequest, for_members, zone_of
from tenants.models import Role

MOST_TAGS = 200
TAGS = """
SELECT DISTINCT tag FROM executions_workflow, unnest(tags) AS tag
WHERE tenant_id = %s AND gone_at IS NULL ORDER BY tag LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request's valid form, the question in it, and what may be chosen instead."""

    form: Any
    question: Question
    environments: list[tuple[str, str]] = field(default_factory=list)
    tags: list[tuple[str, str]] = field(default_factory=list)

    @property
    def has_environments(self) -> bool:
        return bool(self.environments)

    def of_workflow(self, environment: Environment, workflow_id: str) -> "Asked":
        """The same question of one workflow."""
        question = self.question
        selection = replace(
            question.selection, environments=(environment.pk,), workflows=(workflow_id,)
        )
        ledger = question.ledger.only(environment.pk)
        narrowed = replace(question, selection=selection, environments=[environment], ledger=ledger)
        return replace(self, question=narrowed)


Page = Callable[Concatenate[TenantRequest, Asked, ...], HttpResponse]


def page_of_numbers(form: type[PeriodForm] = PeriodForm) -> Callable[[Page], Any]:
    """Decorator of a page for viewers: hands it what is asked, in the zone that is asked for.

    What cannot be asked is refused with a sentence for each fault.
    """

    def decorate(page: Page) -> Any:
        @require_safe
        @for_members(Role.VIEWER)
        @wraps(page)
        def asking(request: TenantRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            bound = form(request.GET, tenant=request.tenant, zone=str(zone_of(request)))
            if not bound.is_valid():
                context = {"faults": bound.faults()}
                return render(request, "analytics/refused.html", context, status=400)
            with timezone.override(bound.period.zone):
                return page(request, asked_of(request, bound), *args, **kwargs)

        return asking

    return decorate


def asked_of(request: TenantRequest, form: PeriodForm) -> Asked:
    """Everything that a valid form asks, in four queries."""
    return Asked(
        form=form,
        question=question_of(form.selection(), form.period, form.selected_environments()),
        environments=[(str(one.pk), one.name) for one in form.environments],
        tags=[(tag, tag) for tag in tags_of(request)],
    )


def tags_of(request: TenantRequest) -> list[str]:
    """The tags that workflows of the tenant have now."""
    with connection.cursor() as cursor:
        cursor.execute(TAGS, [request.tenant.pk, MOST_TAGS])
        return [row[0] for row in cursor.fetchall()]


def pager_of(request: TenantRequest, form: PagedForm, total: int, shown: int) -> dict[str, Any]:
    """Where in the table this page is, and the addresses of its neighbours."""

    def at(cursor: str | None) -> str | None:
        if cursor is None:
            return None
        query = request.GET.copy()
        query.pop("cursor", None)
        if cursor:
            query["cursor"] = cursor
        return f"?{query.urlencode()}"

    return {
        "first": form.offset + 1 if shown else 0,
        "last": form.offset + shown,
        "total": total,
        "earlier": at(form.earlier_cursor()),
        "later": at(form.next_cursor(total)),
    }
