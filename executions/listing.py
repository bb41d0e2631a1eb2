"""The list of executions as a page shows it: rows, columns, chips, and the addresses between."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import OperationalError
from django.http import QueryDict
from psycopg.errors import QueryCanceled

from executions.filters import NAMES, ExecutionFilter
from executions.models import Workflow
from executions.search import TEXT, Term, write

# In their order on the page: the name in an address, the head, and whether it stands there unasked.
COLUMNS = {
    "status": ("Status", True),
    "workflow": ("Workflow", True),
    "environment": ("Environment", True),
    "started": ("Started", True),
    "finished": ("Finished", False),
    "duration": ("Duration", True),
    "mode": ("Mode", True),
    "error": ("Error", True),
    "class": ("Error class", False),
    "node": ("Node", False),
    "retry": ("Retry of", False),
    "version": ("Version", False),
    "id": ("n8n id", True),
}
SIZES = (50, 100, 250, 1000)
# Keys that tokens replace as soon as the search box is used.
REPLACED = (*NAMES, "duration_min", "duration_max", "q", "query", "cursor", "view")
WORKFLOWS_MEANT = 5


class TooExpensive(Exception):
    """A search that the database was told to give up; its text is the sentence for the person."""


@contextmanager
def within_time_limit() -> Iterator[None]:
    """Raises TooExpensive where a statement runs into the transaction's limit."""
    try:
        yield
    except OperationalError as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise
        raise TooExpensive(
            "This search takes too long over that much time; choose a shorter time, or name a"
            " workflow, an environment or a status."
        ) from error


@dataclass(frozen=True, slots=True)
class Chip:
    """A token of the search, and the address that is rid of it."""

    term: Term
    address_without: str


def chips(chosen: ExecutionFilter) -> list[Chip]:
    """One for each token, whether it was typed or came by a link."""
    return [
        Chip(term, address_with(chosen, [one for one in chosen.terms if one != term]))
        for term in chosen.terms
    ]


def address_with(chosen: ExecutionFilter, terms: Iterable[Term]) -> str:
    """This list with other tokens, from its first page on."""
    return f"?{_query_with(chosen, terms).urlencode()}"


def others(chosen: ExecutionFilter, *leave_out: str) -> list[tuple[str, str]]:
    """What a form beside the search box hands on: everything but what it sets itself."""
    query = _query_with(chosen, chosen.terms) if chosen.is_valid() else _data(chosen).copy()
    return [
        (name, value)
        for name, values in query.lists()
        for value in values
        if name not in (*leave_out, "cursor")
    ]


def _query_with(chosen: ExecutionFilter, terms: Iterable[Term]) -> QueryDict:
    query = _data(chosen).copy()
    for name in REPLACED:
        query.pop(name, None)
    text = write(terms)
    if text:
        query["query"] = text
    if not query:
        # An address without anything opens with the person's own view.
        query["view"] = "all"
    return query


def _data(chosen: ExecutionFilter) -> QueryDict:
    data = chosen.data
    if not isinstance(data, QueryDict):
        raise TypeError("A list's filter comes by an address.")
    return data


def typed(chosen: ExecutionFilter) -> str:
    """What stands in the search box: all tokens, or what was written where it cannot be read."""
    if chosen.is_valid():
        return write(chosen.terms)
    data = _data(chosen)
    terms = [Term(name, value) for key, name in NAMES.items() for value in data.getlist(key)]
    terms += [Term("error", value) for value in data.getlist("q")]
    return " ".join([*map(str, terms), *data.getlist("query")])


def columns_of(query: QueryDict) -> list[str]:
    """The chosen columns in their order; those that everybody gets where none is known."""
    chosen = [name for name in COLUMNS if name in query.getlist("column")]
    return chosen or [name for name, (_, is_usual) in COLUMNS.items() if is_usual]


def size_of(query: QueryDict) -> int:
    """Rows of a page; another number than the offered ones is the first of them."""
    return next((size for size in SIZES if query.get("limit") == str(size)), SIZES[0])


def workflows_meant(chosen: ExecutionFilter) -> list[Chip]:
    """Text is looked for in errors; where it is in names of workflows, these are offered."""
    words = [term for term in chosen.terms if term.name == TEXT and not term.is_negated]
    if not words:
        return []
    rows = Workflow.objects.for_tenant(chosen.tenant)
    for word in words:
        rows = rows.filter(name__icontains=word.value)
    names: Iterable[str] = (
        rows.order_by("name").values_list("name", flat=True).distinct()[:WORKFLOWS_MEANT]
    )
    rest = [term for term in chosen.terms if term not in words]
    return [
        Chip(term, address_with(chosen, [term, *rest]))
        for name in names
        if (term := Term("workflow", name))
    ]
