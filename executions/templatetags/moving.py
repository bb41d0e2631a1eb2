"""How people move: links that keep what is looked at, and the filters that every page shares."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from django import template
from django.http import HttpRequest, QueryDict
from django.template import RequestContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from executions.time_ranges import (
    ALL_NAMES,
    OF_LISTS,
    OF_NUMBERS,
    QUICK,
    Names,
    WrittenRange,
    steps_from,
    written_range,
)

register = template.Library()

# What stays in the address while moving between pages, besides the time.
KEPT = ("environment", "tag", "zone")
# Its filter is stricter: a list knows no zone.
KEPT_BY_LISTS = ("environment", "tag")
LISTS = ("executions:list",)
HOME = "analytics:overview"
# By these a table is first sorted from A to Z, by all others from the largest down.
SMALLEST_FIRST = ("workflow_name",)


@register.simple_tag(takes_context=True)
def kept(context: RequestContext, page: str, **arguments: Any) -> str:
    """The address of another page of this tenant, with the same environments, tags and time."""
    request = context.request
    slug = request.tenant.slug  # type: ignore[attr-defined]
    address = reverse(page, kwargs={"tenant_slug": slug, **arguments})
    query = _kept_query(request.GET.urlencode(), page in LISTS)
    return f"{address}?{query}" if query else address


# A page of rows has as many such links, all with the same query.
@lru_cache(maxsize=512)
def _kept_query(text: str, is_list: bool) -> str:
    given, query = QueryDict(text), QueryDict(mutable=True)
    for name in KEPT_BY_LISTS if is_list else KEPT:
        for value in given.getlist(name):
            query.appendlist(name, value)
    query.update(written_range(given).parameters(OF_LISTS if is_list else OF_NUMBERS))
    return query.urlencode()


@register.inclusion_tag("components/_way.html", takes_context=True)
def way(context: RequestContext, page: str, label: str, icon: str, keys: str) -> dict[str, Any]:
    """A link of the main navigation, marked where the page is, or lies below it."""
    address = kept(context, page)
    path, own = context.request.path, address.partition("?")[0]
    is_home = page == HOME
    return {
        "address": address,
        "label": label,
        "icon": icon,
        "keys": keys,
        "current": "page" if path == own else "true" if _is_below(path, own, is_home) else "",
    }


def _is_below(path: str, own: str, is_home: bool) -> bool:
    return not is_home and path.startswith(f"{own}/")


@register.inclusion_tag("components/_range.html", takes_context=True)
def range_picker(
    context: RequestContext,
    start: datetime | None,
    end: datetime | None,
    style: str = "numbers",
) -> dict[str, Any]:
    """The time that is looked at, and every way to another. ``style`` is numbers or list."""
    request = context.request
    names = OF_LISTS if style == "list" else OF_NUMBERS
    written = written_range(request.GET)
    if style == "numbers" and written == WrittenRange():
        written = WrittenRange("now-24h")
    now = timezone.now()
    shown: dict[str, Any] = {
        "request": request,
        "names": names,
        "written": written,
        "label": QUICK.get(written.quick, ""),
        "start": start,
        "end": end or (now if start else None),
        "quick": [
            (name, label, _with(request, names, WrittenRange(f"now-{name}")))
            for name, label in QUICK.items()
        ],
        "others": _others(request, ALL_NAMES),
        "any_time": _with(request, names, WrittenRange()) if style == "list" else "",
    }
    if style == "numbers":
        shown["zones"] = _zones(request)
    if start:
        steps = steps_from(start, end or now, now)
        shown |= {
            "earlier": _with(request, names, steps.earlier.written),
            "later": steps.later and _with(request, names, steps.later.written),
            "wider": _with(request, names, steps.wider.written),
            "absolute": _with(request, names, WrittenRange(*_exact(start, end or now))),
        }
    return shown


@register.simple_tag(takes_context=True)
def sorted_by(
    context: RequestContext, name: str, label: str, sort: str, classes: str = ""
) -> SafeString:
    """The head of a column that sorts the table by it, and by it again the other way round."""
    is_current = sort.removeprefix("-") == name
    other = (
        name if sort == f"-{name}" or (not is_current and name in SMALLEST_FIRST) else f"-{name}"
    )
    address = _address(context.request, [*_others(context.request, ("sort",)), ("sort", other)])
    direction = "descending" if sort.startswith("-") else "ascending"
    return format_html(
        '<th scope="col" class="{}"{}><a href="{}">{}</a></th>',
        classes,
        format_html(' aria-sort="{}"', direction) if is_current else "",
        address,
        label,
    )


@register.inclusion_tag("components/_choice_filter.html", takes_context=True)
def choice_filter(
    context: RequestContext,
    name: str,
    label: str,
    choices: Sequence[tuple[str, str]],
    icon: str,
) -> dict[str, Any]:
    """A filter of the address that takes several of some values."""
    request = context.request
    chosen = request.GET.getlist(name)
    return {
        "name": name,
        "label": label,
        "icon": icon,
        "choices": choices,
        "chosen": chosen,
        "chosen_labels": [text for value, text in choices if value in chosen],
        "others": _others(request, (name,)),
        "without": _address(request, _others(request, (name,))),
    }


def _zones(request: HttpRequest) -> list[tuple[str, str, bool]]:
    """The zones that days may begin by: the viewer's, the tenant's and UTC; one is no choice."""
    own, tenant = request.user.time_zone, request.tenant.time_zone  # type: ignore[union-attr, attr-defined]
    names = list(dict.fromkeys(filter(None, (own, tenant, "UTC"))))
    if len(names) == 1:
        return []
    current = timezone.get_current_timezone_name()
    others = _others(request, ("zone",))
    return [(name, _address(request, [*others, ("zone", name)]), name == current) for name in names]


def _exact(start: datetime, end: datetime) -> tuple[str, str]:
    return start.isoformat(), end.isoformat()


def _with(request: HttpRequest, names: Names, time: WrittenRange) -> str:
    """This page with another time."""
    return _address(request, [*_others(request, ALL_NAMES), *time.parameters(names).items()])


def _others(request: HttpRequest, leave_out: Sequence[str]) -> list[tuple[str, str]]:
    """What else stands in the address; another filter begins at the first page."""
    return [
        (name, value)
        for name, values in request.GET.lists()
        for value in values
        if name not in (*leave_out, "cursor")
    ]


def _address(request: HttpRequest, parameters: Sequence[tuple[str, str]]) -> str:
    query = QueryDict(mutable=True)
    for name, value in parameters:
        query.appendlist(name, value)
    return f"{request.path}?{query.urlencode()}" if query else request.path
