"""What a stand-in n8n does wrong, and when: scripted or drawn from a seed, always repeatable."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """The faults. The first group is seen in the answer's content, the second on the wire."""

    STATUS = "status"
    HTML = "html"
    TEXT = "text"
    REDIRECT = "redirect"
    REPEAT_PAGE = "repeat_page"
    SHIFT_PAGE = "shift_page"
    EMPTY_PAGE = "empty_page"
    SHORT_PAGE = "short_page"
    LOOP = "loop"
    REORDER = "reorder"
    BAD_ROW = "bad_row"

    TRUNCATE = "truncate"
    DELAY = "delay"
    DRIP = "drip"
    ENDLESS = "endless"
    BOMB = "bomb"
    SILENT = "silent"
    CLOSE = "close"
    SLOW_HEAD = "slow_head"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong with one answer."""

    kind: Kind
    status: int = 200
    text: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    seconds: float = 0.0
    rows: int = 5


def status(code: int, *, retry_after: str | None = None, html: bool = False) -> Fault:
    """An answer with this status, by n8n or (as HTML) by something in front of it."""
    headers = (("Retry-After", retry_after),) if retry_after is not None else ()
    return Fault(Kind.HTML if html else Kind.STATUS, status=code, headers=headers)


def html_page() -> Fault:
    """A page for browsers where data were asked for: a sign-in, a proxy."""
    return Fault(Kind.HTML)


def text(content: str, *, code: int = 200) -> Fault:
    """This body, as JSON."""
    return Fault(Kind.TEXT, status=code, text=content)


def redirect(location: str, *, code: int = 302) -> Fault:
    return Fault(Kind.REDIRECT, status=code, headers=(("Location", location),))


def delay(seconds: float) -> Fault:
    """The right answer, late."""
    return Fault(Kind.DELAY, seconds=seconds)


def drip(seconds: float) -> Fault:
    """A byte, a pause of so many seconds, a byte."""
    return Fault(Kind.DRIP, seconds=seconds)


@dataclass(slots=True)
class Rule:
    """When a fault happens: to requests whose path begins so, at a rate, so many times."""

    fault: Fault
    rate: float = 1.0
    path: str = ""
    times: int | None = None
    on: frozenset[int] = frozenset()
    _seen: int = field(default=0, init=False)

    def strikes(self, path: str, drawn: float) -> bool:
        """Whether this request is hit; counts it where it is one of the rule's."""
        if not path.startswith(self.path):
            return False
        self._seen += 1
        if self.times == 0 or (self.on and self._seen not in self.on):
            return False
        if not self.on and drawn >= self.rate:
            return False
        if self.times is not None:
            self.times -= 1
        return True


class FaultPlan:
    """The faults of one server. Rules are tried in order; the first that strikes wins.

    Not safe by itself for several threads: the server asks it under its lock.
    """

    def __init__(self, rules: Iterable[Rule] = (), seed: int = 0) -> None:
        self.rules = list(rules)
        self._random = random.Random(seed)

    def next(self, *faults: Fault, path: str = "") -> None:
        """Let the next requests fail in this way, one fault each."""
        self.rules[:0] = [Rule(fault, path=path, times=1) for fault in faults]

    def always(self, fault: Fault, *, path: str = "") -> None:
        self.rules.insert(0, Rule(fault, path=path))

    def clear(self) -> None:
        self.rules.clear()

    def take(self, path: str) -> Fault | None:
        """The fault of this request, if it has one."""
        draws = [self._random.random() for _ in self.rules]
        pairs = zip(self.rules, draws, strict=True)
        return next((rule.fault for rule, drawn in pairs if rule.strikes(path, drawn)), None)


@dataclass(slots=True)
class Dialect:
    """What other versions of n8n do otherwise."""

    ids_as_numbers: bool = False
    lists_running: bool = True
    tells_status: bool = True
    tells_scopes: bool = True
    knows_started_after: bool = True
    refuses_unknown_parameters: bool = False
