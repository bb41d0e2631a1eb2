"""The language of the search box: ``status:error -mode:manual duration:>30s`` and so on (pure).

A token is a name, a colon and a value; quotes hold blanks together, a minus in front turns it
round, and what has no name is a text within the error's message. Nothing is guessed: whatever
cannot be meant is refused in one sentence that names the token and says what is allowed.
``write(parse(text))`` is the same search in its shortest form.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

from executions.grouping.classes import CLASSES
from executions.moments import parse_moment
from executions.statuses import NormalizedStatus

LONGEST, LONGEST_VALUE, MOST_TERMS, MOST_STARS = 1000, 200, 30, 4
TEXT = ""
COMPARISONS = (">=", "<=", ">", "<")
UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
LONGEST_DURATION = 10**15

LENGTH = re.compile(r"(\d{1,15}(?:\.\d{1,3})?)(ms|s|m|h|d)", re.ASCII)
NAME = re.compile(r"[A-Za-z_]{1,20}:", re.ASCII)
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
BARE = re.compile(r"\S*")
UNFIT = re.compile("[\x00\ud800-\udfff]")
# What needs no quotes to be read back as it is.
PLAIN_TEXT = re.compile(r'[^\s"\\:<>-][^\s"\\:]*')
PLAIN_VALUE = re.compile(r'[^\s"\\<>][^\s"\\]*')


class SearchFault(ValueError):
    """A search that cannot be meant; its text is the sentence for the person."""


@dataclass(frozen=True, slots=True)
class Term:
    """One token. ``name`` is empty for free text; ``comparison`` only where sizes are compared."""

    name: str
    value: str
    comparison: str = ""
    is_negated: bool = False

    def __str__(self) -> str:
        pattern = PLAIN_VALUE if self.name else PLAIN_TEXT
        value = self.value if pattern.fullmatch(self.value) else _quoted(self.value)
        name = f"{self.name}:" if self.name else ""
        return f"{'-' if self.is_negated else ''}{name}{self.comparison}{value}"


Check = Callable[[Term, datetime, tzinfo], object]


@dataclass(frozen=True, slots=True)
class Word:
    """A name that tokens may have: an example, what it means, and its only values, if any."""

    example: str
    meaning: str
    values: tuple[str, ...] = ()
    is_compared: bool = False
    takes_stars: bool = False


WORDS = {
    "status": Word(
        "status:error", "How it ended", values=tuple(status.value for status in NormalizedStatus)
    ),
    "workflow": Word('workflow:"Order sync"', "Name or id of the workflow", takes_stars=True),
    "env": Word("env:prod", "Name of the environment", takes_stars=True),
    "tag": Word("tag:billing", "A tag that the workflow has now"),
    "mode": Word("-mode:manual", "How it was started"),
    "duration": Word("duration:>30s", "How long it took (ms, s, m, h, d)", is_compared=True),
    "started": Word("started:>now-2h", "When it started", is_compared=True),
    "error": Word('error:"timed out"', "Text within the error's message"),
    "class": Word("class:timeout", "Kind of the error", values=tuple(CLASSES)),
    "node": Word('node:"HTTP Request"', "The node that failed", takes_stars=True),
    "group": Word("group:3f2a9c…", "Fingerprint of the error group"),
    "version": Word("version:1f2e…", "The workflow's version that ran"),
    "id": Word("id:1234", "n8n's id of the execution, or ours"),
}


def parse(text: str, *, now: datetime, zone: tzinfo) -> tuple[Term, ...]:
    """The tokens of a search, each once. Raises SearchFault for the first that cannot be meant."""
    if len(text) > LONGEST:
        raise SearchFault(f"A search has up to {LONGEST} characters; this one has {len(text)}.")
    if UNFIT.search(text):
        raise SearchFault("A search holds characters that no text has; type it again.")
    terms = tuple(dict.fromkeys(_check(term, now, zone) for term in _tokens(text)))
    if len(terms) > MOST_TERMS:
        raise SearchFault(f"A search has up to {MOST_TERMS} tokens; this one has {len(terms)}.")
    return terms


def write(terms: Iterable[Term]) -> str:
    """The text that parses to these tokens."""
    return " ".join(map(str, terms))


def parse_length(text: str) -> int:
    """Milliseconds of a duration such as 1.5m. Raises SearchFault."""
    found = LENGTH.fullmatch(text)
    if found is None:
        raise SearchFault(f"“{text[:40]}” is not a duration; write 250ms, 30s, 1.5m, 2h or 1d.")
    milliseconds = round(float(found[1]) * UNITS[found[2]])
    if milliseconds > LONGEST_DURATION:
        raise SearchFault(f"“{text[:40]}” is longer than anything lasts; take up to 10000000d.")
    return milliseconds


def _tokens(text: str) -> Iterator[Term]:
    place = 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        term, place = _token(text, place)
        yield term


def _token(text: str, start: int) -> tuple[Term, int]:
    place = start
    is_negated = text[place] == "-" and text[place + 1 : place + 2].strip() != ""
    place += is_negated
    name, comparison = TEXT, ""
    if found := NAME.match(text, place):
        name, place = found[0][:-1].lower(), found.end()
        comparison = next((sign for sign in COMPARISONS if text.startswith(sign, place)), "")
        place += len(comparison)
    value, place = _value(text, place)
    return Term(name, value, comparison, is_negated), place


def _value(text: str, place: int) -> tuple[str, int]:
    if text[place : place + 1] == '"':
        found = QUOTED.match(text, place)
        if found is None:
            raise SearchFault(f"The quote that begins at “{text[place : place + 20]}” has no end.")
        return re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL), found.end()
    bare = BARE.match(text, place)
    found_text = bare[0] if bare else ""
    return found_text, place + len(found_text)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _check(term: Term, now: datetime, zone: tzinfo) -> Term:
    """The token in its canonical form. Raises SearchFault."""
    said = str(term)[:60]
    if term.name and term.name not in WORDS:
        raise SearchFault(
            f"“{term.name}:” is not a word of the search; there are: {', '.join(WORDS)}."
            f" For a text with a colon write {_quoted(f'{term.name}:…')}."
        )
    word = WORDS.get(term.name)
    if not term.value.strip():
        example = word.example if word else '"timed out"'
        raise SearchFault(f"“{said}” names nothing; write for example {example}.")
    if len(term.value) > LONGEST_VALUE:
        raise SearchFault(f"“{said}…” is longer than {LONGEST_VALUE} characters.")
    return term if word is None else _check_word(term, word, said, now, zone)


def _check_word(term: Term, word: Word, said: str, now: datetime, zone: tzinfo) -> Term:
    if word.is_compared:
        _check_comparison(term, word, said, now, zone)
    elif term.comparison:
        raise SearchFault(f"“{said}” compares what has no size; write for example {word.example}.")
    if word.values:
        term = replace(term, value=term.value.lower())
        if term.value not in word.values:
            allowed = ", ".join(word.values)
            raise SearchFault(f"“{said}”: “{term.value[:40]}” is not one of: {allowed}.")
    if word.takes_stars and term.value.count("*") > MOST_STARS:
        raise SearchFault(f"“{said}” has more than {MOST_STARS} stars; leave some out.")
    return term


def _check_comparison(term: Term, word: Word, said: str, now: datetime, zone: tzinfo) -> None:
    if term.is_negated:
        raise SearchFault(f"“{said}” is turned round twice; turn the comparison round instead.")
    if not term.comparison:
        raise SearchFault(
            f"“{said}” needs one of {', '.join(COMPARISONS)}; write for example {word.example}."
        )
    try:
        if term.name == "duration":
            parse_length(term.value)
        else:
            parse_moment(term.value, now=now, zone=zone)
    except ValueError as error:
        raise SearchFault(f"“{said}”: {error}") from error
