"""From an error to its group and class: `classify` is the way in.

The fingerprint depends on the text alone, and on whether the workflow's author wrote it: never on
workflow, environment or node name. A known sentence is grouped by its rule, so that new wordings
of it can be added; any other text by its template. A change that moves errors between groups
needs a new `GROUPING_VERSION`: groups of two versions never mix.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from executions.grouping import evidence
from executions.grouping.codes import ERRNOS, class_of_code
from executions.grouping.general import General
from executions.grouping.masks import MOST_ATTRIBUTES, Masked, mask
from executions.grouping.rules.book import Book
from executions.grouping.rules.rule import Rule, all_rules
from executions.grouping.text import ErrorInput, Picked, pick, plain
from executions.grouping.unwrap import Unwrapped, unwrap

GROUPING_VERSION = 1
LONGEST_TEMPLATE = 600

_BOOK = Book(all_rules())
_HINTS: Mapping[str, str] = {rule.key: rule.hint for rule in _BOOK.rules if rule.hint}
_USER_NODES = frozenset({"n8n-nodes-base.stopAndError"})
_CODE_ERRORS = frozenset({"WrappedExecutionError", "ExecutionError", "ValidationError"})
_VAGUE_IN_DATABASES = frozenset({"not_found", "data", "code", "expression", "server_error"})
_EXPRESSION_ERRORS = frozenset({"ExpressionError", "ExpressionExtensionError"})
# A phrase of a rule inside a longer message is evidence when it has this many words of its own.
_FEWEST_OWN_WORDS = 3
_FEWEST_TELLING_WORDS = 3

# Runs without any message, by status: the sentence that stands for it is a rule's own.
_SILENT = {
    "crashed": "The run crashed and left no error",
    "canceled": "The run was cancelled and n8n kept no error",
    "cancelled": "The run was cancelled and n8n kept no error",
}
_SILENT_ELSE = "The run failed and left no error"


@dataclass(frozen=True, slots=True)
class Grouping:
    fingerprint: str
    error_class: str
    template: str
    rule_key: str | None
    version: int
    text: str
    attributes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Reading:
    """A text with its wrappers off and its values masked."""

    unwrapped: Unwrapped
    masked: Masked
    rule: Rule | None


def classify(error: ErrorInput) -> Grouping:
    picked = pick(error)
    if not picked.message:
        picked = Picked(_SILENT.get(error.status, _SILENT_ELSE))
    if error.node_type in _USER_NODES:
        return _user_defined(picked)
    if picked.general is None:
        return _specific(error, picked)
    return _general(error, picked, picked.general)


def hint_for(rule_key: str | None) -> str:
    """A hint at the cause that only this rule knows; empty when the class's advice is all."""
    return _HINTS.get(rule_key or "", "")


def _user_defined(picked: Picked) -> Grouping:
    reading = _read(picked.message)
    basis = "user_defined:" + reading.masked.template
    return _grouping(basis, "user_defined", None, picked.message, reading, ())


def _specific(error: ErrorInput, picked: Picked) -> Grouping:
    reading = _read(picked.message)
    rule = reading.rule
    error_class = rule.error_class if rule else _class_of(error, picked, reading)
    return _grouping(
        rule.key if rule else _basis(reading), error_class, rule, picked.message, reading,
        _codes(error, reading),
    )  # fmt: skip


def _general(error: ErrorInput, picked: Picked, general: General) -> Grouping:
    if not picked.detail:
        reading = _read(picked.message)
        error_class = _general_class(error, general)
        codes = _codes(error, reading)
        return _grouping(general.key, error_class, None, picked.message, reading, codes)
    reading = _read(picked.detail)
    text = f"{picked.message.splitlines()[0]}\n{picked.detail}"
    rule = reading.rule
    if rule:
        basis, error_class = rule.key, rule.error_class
    else:
        basis = _basis(reading)
        if len(reading.masked.tokens) < _FEWEST_TELLING_WORDS:
            basis = f"{general.key}:{basis}"
        error_class = _class_of(error, picked, reading, general)
    return _grouping(basis, error_class, rule, text, reading, _codes(error, reading))


def _read(text: str) -> _Reading:
    unwrapped = unwrap(text)
    masked = mask(unwrapped.text)
    if not any(token[0].isalpha() for token in masked.tokens):
        # Only values are left: the wrapper is all that the message tells.
        masked = mask(text)
    return _Reading(unwrapped, masked, _BOOK.whole(masked.tokens))


def _basis(reading: _Reading) -> str:
    template = reading.masked.template
    is_short_body = reading.unwrapped.from_body and len(reading.masked.tokens) <= 2
    return f"body {reading.unwrapped.status}:{template}" if is_short_body else template


def _class_of(
    error: ErrorInput, picked: Picked, reading: _Reading, general: General | None = None
) -> str:
    tokens = reading.masked.tokens
    if strong := _BOOK.within(tokens, _FEWEST_OWN_WORDS):
        return strong.error_class
    if _from_code_node(error, reading):
        return evidence.class_of_errno(tokens) or "code"
    hint = _read(picked.hint) if picked.hint else None
    told = (
        evidence.class_of_text(tokens)
        or (_class_told(hint) if hint else None)
        or evidence.class_of_names((*reading.unwrapped.names, plain(error.name)))
    )
    if told:
        return _beside_node(error, told)
    if plain(error.name) in _EXPRESSION_ERRORS:
        return "expression"
    weak = (
        class_of_code(plain(error.http_code))
        or evidence.class_of_status_in(tokens, reading.unwrapped.status)
        or (class_of_code(general.code) if general else None)
        or evidence.class_of_weak_text(tokens)
        or (evidence.class_of_weak_text(hint.masked.tokens) if hint else None)
    )
    return evidence.class_by_node(error.node_type, weak) or "unknown"


def _beside_node(error: ErrorInput, told: str) -> str:
    """A database that says "not found" or "cannot parse" speaks of the statement."""
    if told in _VAGUE_IN_DATABASES and evidence.is_database_node(error.node_type):
        return "database"
    return told


def _class_told(reading: _Reading) -> str | None:
    if reading.rule:
        return reading.rule.error_class
    strong = _BOOK.within(reading.masked.tokens, _FEWEST_OWN_WORDS)
    return strong.error_class if strong else evidence.class_of_text(reading.masked.tokens)


def _general_class(error: ErrorInput, general: General) -> str:
    if general.error_class != "unknown":
        return general.error_class
    hint = plain(error.description)
    return (
        (_class_told(_read(hint)) if hint else None)
        or class_of_code(plain(error.http_code))
        or "unknown"
    )


def _from_code_node(error: ErrorInput, reading: _Reading) -> bool:
    if evidence.is_code_node(error.node_type):
        return True
    if error.node_type:
        return False
    return reading.unwrapped.had_position or plain(error.name) in _CODE_ERRORS


def _codes(error: ErrorInput, reading: _Reading) -> tuple[tuple[str, str], ...]:
    code = plain(error.http_code)[:40].upper() or reading.unwrapped.status
    if code.isdigit():
        return (("status", code),)
    return (("code", code),) if code in ERRNOS or class_of_code(code) else ()


def _grouping(
    basis: str,
    error_class: str,
    rule: Rule | None,
    text: str,
    reading: _Reading,
    codes: Sequence[tuple[str, str]],
) -> Grouping:
    attributes = dict.fromkeys((*codes, *reading.masked.attributes))
    return Grouping(
        fingerprint=_fingerprint(basis),
        error_class=error_class,
        template=(rule.patterns[0] if rule else reading.masked.template)[:LONGEST_TEMPLATE],
        rule_key=rule.key if rule else None,
        version=GROUPING_VERSION,
        text=text,
        attributes=tuple(attributes)[:MOST_ATTRIBUTES],
    )


@lru_cache(maxsize=8192)
def _fingerprint(basis: str) -> str:
    return hashlib.sha256(f"{GROUPING_VERSION}|{basis}".encode()).hexdigest()[:32]
