"""What a page of numbers is asked: its form, and the choices that the form offers."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any, Concatenate

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Func, OuterRef
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from analytics.forms import PagedForm, PeriodForm
from analytics.questions import Question, question_of
from executions.models import Environment, Workflow
from tenants.access import TenantRequest, for_members, zone_of
from tenants.models import Role, Tenant

MOST_TAGS = 200


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
            bound = form(
                request.GET,
                tenant=request.tenant,
                zone=str(zone_of(request)),
                environments=environments_with_tags(request.tenant),
            )
            if not bound.is_valid():
                context = {"faults": bound.faults()}
                return render(request, "analytics/refused.html", context, status=400)
            with timezone.override(bound.period.zone):
                return page(request, asked_of(bound), *args, **kwargs)

        return asking

    return decorate


def asked_of(form: PeriodForm) -> Asked:
    """Everything that a valid form asks, in one query."""
    tags = {tag for one in form.environments for tag in one.tags}  # type: ignore[attr-defined]
    return Asked(
        form=form,
        question=question_of(form.selection(), form.period, form.selected_environments()),
        environments=[(str(one.pk), one.name) for one in form.environments],
        tags=[(tag, tag) for tag in sorted(tags)[:MOST_TAGS]],
    )


def environments_with_tags(tenant: Tenant) -> list[Environment]:
    """The environments by name, each with the ``tags`` that its workflows have now."""
    workflows = Workflow.objects.for_tenant(tenant).filter(environment=OuterRef("pk"), gone_at=None)
    tags = workflows.order_by().values_list(Func("tags", function="unnest")).distinct()
    rows = Environment.objects.for_tenant(tenant).annotate(tags=ArraySubquery(tags))
    return list(rows.order_by("name"))


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
