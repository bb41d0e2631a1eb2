"""Links from a number to exactly the rows that it counts."""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django import template
from django.template import RequestContext
from django.urls import reverse
from django.utils.http import urlencode

from analytics.questions import Question
from executions.search import Term, write
from executions.time_ranges import rfc3339

register = template.Library()


@register.simple_tag
def tokens(name: str, values: Iterable[str]) -> str:
    """A search for any of the values, for what no key of the list's address names."""
    return write(Term(name, value) for value in values)


@register.simple_tag(takes_context=True)
def rows(context: RequestContext, **chosen: Any) -> str:
    """The list of the question's executions, narrowed further: status, workflow, start, …"""
    question: Question = context["asked"].question
    slug = context.request.tenant.slug  # type: ignore[attr-defined]
    return rows_address(slug, question, **chosen)


def rows_address(
    slug: str,
    question: Question,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    environment: UUID | str | None = None,
    **chosen: Any,
) -> str:
    selection = question.selection
    query: dict[str, Any] = {
        "environment": [environment] if environment else selection.environments,
        "workflow": selection.workflows,
        "tag": selection.tags,
        "mode": selection.modes,
        **chosen,
        "started_after": rfc3339(start or question.span.start),
        "started_before": rfc3339(end or question.span.end),
    }
    said = {name: value for name, value in query.items() if value not in (None, "", (), [])}
    return f"{_list_page(slug)}?{urlencode(said, doseq=True)}"


@lru_cache(maxsize=512)
def _list_page(slug: str) -> str:
    return reverse("executions:list", kwargs={"tenant_slug": slug})
