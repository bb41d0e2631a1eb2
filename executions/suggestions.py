"""What may follow at a place in the search box: words of the search, then their values."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from executions.models import Environment, Workflow
from executions.search import WORDS, Term
from tenants.models import Tenant

MOST = 8
MODES = ("webhook", "trigger", "manual", "retry", "error", "integrated", "cli", "chat")
LENGTHS = (">1s", ">10s", ">1m", ">10m", ">1h", "<1s")
MOMENTS = (">now-1h", ">now-6h", ">now-24h", ">now-7d", "<now-1h")
# A token that is being typed; quotes may still be open.
OPEN_TOKEN = re.compile(r'(?P<minus>-?)(?:(?P<name>[A-Za-z_]{1,20}):)?(?P<value>"[^"]*"?|\S*)$')


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What to put in place of the token that is being typed; ``whole`` is the new search."""

    label: str
    meaning: str
    whole: str
    caret: int


def suggestions(tenant: Tenant, text: str, caret: int) -> list[Suggestion]:
    """For the token that ends at the caret, best first."""
    before, after = text[:caret], text[caret:]
    found = OPEN_TOKEN.search(before)
    if found is None:
        return []
    start = before[: found.start()]
    if start and not start[-1].isspace():
        start = f"{start} "
    choices = _choices(tenant, found["minus"], found["name"], found["value"].strip('"'))
    return [
        Suggestion(label, meaning, f"{start}{label}{after}", len(start) + len(label))
        for label, meaning in list(choices)[:MOST]
    ]


def _choices(tenant: Tenant, minus: str, name: str | None, value: str) -> Iterator[tuple[str, str]]:
    if name is None:
        for word, about in WORDS.items():
            if word.startswith(value.lower()):
                yield f"{minus}{word}:", about.meaning
        return
    for text in _values(tenant, name.lower(), value):
        if WORDS[name.lower()].is_compared:
            yield f"{name.lower()}:{text} ", ""
        else:
            yield f"{Term(name.lower(), text, is_negated=bool(minus))} ", ""


def _values(tenant: Tenant, name: str, value: str) -> Iterable[str]:
    """Values that begin with what is typed, then those that hold it."""
    if name not in WORDS:
        return ()
    known: Iterable[str] = WORDS[name].values
    if name == "workflow":
        rows = Workflow.objects.for_tenant(tenant).filter(name__icontains=value)
        known = rows.order_by("name").values_list("name", flat=True).distinct()[: 5 * MOST]
    elif name == "env":
        rows = Environment.objects.for_tenant(tenant).order_by("name")
        known = rows.values_list("name", flat=True)[:200]
    elif name == "tag":
        rows = Workflow.objects.for_tenant(tenant).exclude(tags=[]).order_by("-seen_at")
        known = sorted({tag for tags in rows.values_list("tags", flat=True)[:500] for tag in tags})
    elif name in ("mode", "duration", "started"):
        known = {"mode": MODES, "duration": LENGTHS, "started": MOMENTS}[name]
    low = value.lower()
    holding = [text for text in known if low in text.lower()]
    return sorted(holding, key=lambda text: not text.lower().startswith(low))
