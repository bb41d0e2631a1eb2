"""From an error to its group and class: `classify` is the way in.

The fingerprint depends on the text alone, and on whether the workflow's author wrote it: never on
workflow, environment or node name. A known sentence is grouped by its rule, so that new wordings
of it can be added; any other text by its template. A change that moves errors between groups
needs a new `GROUPING_VERSION`: groups of two versions never mix.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

from executions.grouping import words
from executions.grouping.codes import class_of_code
from executions.grouping.general import GENERALS, General
from executions.grouping.masks import MOST_ATTRIBUTES, VALUE
from executions.grouping.reading import Reading, read
from executions.grouping.rules.book import Book
from executions.grouping.rules.rule import Rule, all_rules
from executions.grouping.text import ErrorInput, Picked, pick, plain, short_code, short_name

GROUPING_VERSION = 5
LONGEST_TEMPLATE = 600
_LONGEST_REMEMBERED = 1000
_LONGEST_NAME = 80

_BOOK = Book(all_rules())
_HINTS: Mapping[str, str] = {rule.key: rule.hint for rule in _BOOK.rules if rule.hint}
_USER_NODES = frozenset({"n8n-nodes-base.stopAndError"})
_CODE_NODE = "n8n-nodes-base.code"
_CODE_ERRORS = frozenset({"WrappedExecutionError", "ExecutionError", "ValidationError"})
_AROUND_CODE = frozenset({"timeout", "resource", "connection", "dns", "tls"})
_EXPRESSION_ERRORS = frozenset({"ExpressionError", "ExpressionExtensionError"})
# How many words of its own let a rule speak for a longer message that it is in.
_MANY_WORDS = 5
_FEWEST_TELLING_WORDS = 3

# Runs without any message, by status and by what else is known: the sentence that stands for each
# is a rule's own.
_SILENT = {
    "crashed": "The run crashed and left no error",
    "canceled": "The run was cancelled and n8n kept no error",
    "cancelled": "The run was cancelled and n8n kept no error",
    "canceled before start": "The run was cancelled before it started",
    "pending": "The run did not succeed, its reason is not fetched yet",
    "gone": "The run did not succeed, and its reason is gone from n8n",
    "redacted": "The run did not succeed, and n8n hides its reason",
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


class _Group(NamedTuple):
    """What makes a group: `kind` keeps the texts of authors apart from those of programs."""

    kind: str
    error_class: str
    template: str
    rule_key: str | None = None


def classify(error: ErrorInput) -> Grouping:
    """The group and class of an error. It never raises and keeps no secret."""
    return _remembered(error) if _is_small(error) else classify_anew(error)


def _is_small(error: ErrorInput) -> bool:
    """Whether it may be a key of the cache: short texts only, for `1` and `True` are equal keys."""
    return all(
        one is None or (type(one) is str and len(one) < _LONGEST_REMEMBERED)
        for one in (error.message, error.description, error.cause, error.http_code, error.name)
    ) and all(type(one) is str and len(one) < _LONGEST_REMEMBERED for one in error.messages)


def classify_anew(error: ErrorInput) -> Grouping:
    picked = pick(error)
    if not picked.message:
        sentence = _SILENT.get(error.status, _SILENT_ELSE)
        picked = Picked(sentence, read(sentence))
    if error.node_type in _USER_NODES:
        group = _Group("user", "user_defined", picked.reading.template)
        return _grouping(group, error, picked.message, picked.reading)
    general = picked.general
    if general is None:
        group = _known_or_masked(error, picked, picked.reading)
        return _grouping(group, error, picked.message, picked.reading)
    if picked.detail_reading is None:
        error_class = _general_class(error, general)
        group = _Group("rule", error_class, general.sentences[0], general.key)
        return _grouping(group, error, picked.message, picked.behind or picked.reading)
    group = _known_or_masked(error, picked, picked.detail_reading)
    text = f"{picked.message.splitlines()[0]}\n{picked.detail}"
    return _grouping(group, error, text, picked.detail_reading)


def group_columns(grouping: Grouping) -> dict[str, str | int]:
    """What every failed run stores of its group."""
    return {
        "error_class": grouping.error_class,
        "error_template": grouping.template,
        "fingerprint": grouping.fingerprint,
        "grouping_version": grouping.version,
    }


def hint_for(rule_key: str | None) -> str:
    """A hint at the cause that only this rule knows; empty when the class's advice is all."""
    return _HINTS.get(rule_key or "", "")


def rule_key_of(fingerprint: str) -> str:
    """The rule that makes this group; empty where its template does, or an older version did."""
    return _keys_by_fingerprint().get(fingerprint, "")


def _known_or_masked(error: ErrorInput, picked: Picked, reading: Reading) -> _Group:
    if rule := _rule_of(reading.tokens):
        return _group_of(rule, error.node_type)
    error_class = _class_of(error, picked, reading)
    return _Group("text", error_class, _telling_template(reading, picked.general))


def _group_of(rule: Rule, node_type: str | None) -> _Group:
    """A database divides by zero too; that is another error than a program's."""
    key = rule.key
    if rule.error_class == "code" and words.is_database_node(node_type):
        key = key.replace("code.", "database.", 1)
    return _Group("rule", key.partition(".")[0], _template_of(rule), key)


def _telling_template(reading: Reading, general: General | None) -> str:
    """A short detail or body says too little alone: what it came with belongs to its group."""
    template = reading.template
    if len(reading.tokens) >= _FEWEST_TELLING_WORDS:
        return template
    if general:
        return f"{general.sentences[0]}: {template}"
    if reading.unwrapped.from_body:
        return f"{reading.unwrapped.status} body: {template}"
    return template


def _class_of(error: ErrorInput, picked: Picked, reading: Reading) -> str:
    evidence = _evidence(error, picked, reading)
    if not _EXPRESSION_ERRORS.isdisjoint(evidence.names):
        return "expression"
    error_class = _class_within(reading.tokens) or words.class_of(evidence)
    if evidence.node_type == _CODE_NODE:
        # What a program says is its own affair, but not what it ran into.
        is_around = error_class in _AROUND_CODE
        is_around |= error_class == "data" and "json" in reading.tokens
        return error_class if is_around else "code"
    return error_class


def evidence_of(error: ErrorInput) -> words.Evidence:
    """All that tells the class of an error where no rule does."""
    picked = pick(error)
    return _evidence(error, picked, picked.detail_reading or picked.reading)


def _evidence(error: ErrorInput, picked: Picked, reading: Reading) -> words.Evidence:
    general_code = picked.general.code if picked.general else ""
    return words.Evidence(
        tokens=reading.tokens,
        names=_names_in(error, reading),
        code=short_code(error.http_code) or reading.unwrapped.status or general_code,
        node_type=_CODE_NODE if _from_code_node(error, reading) else _short(error.node_type),
        hint=read(picked.hint).tokens if picked.hint else (),
    )


def _short(node_type: str | None) -> str | None:
    """Short enough to be remembered with what was judged."""
    return node_type[:_LONGEST_NAME] if node_type else None


def _names_in(error: ErrorInput, reading: Reading) -> tuple[str, ...]:
    """The names of errors around the text; a single word may be one itself."""
    text = reading.unwrapped.text
    alone = () if " " in text or len(text) > _LONGEST_NAME else (text.strip("[]. "),)
    named = (*reading.unwrapped.names, short_name(error.name), *alone)
    return tuple(name for name in named if name)


def _general_class(error: ErrorInput, general: General) -> str:
    if general.error_class != "unknown":
        return general.error_class
    hint = read(plain(error.description)).tokens
    if rule := _rule_of(hint):
        return rule.error_class
    return words.class_of(words.Evidence(hint, code=short_code(error.http_code)))


def _from_code_node(error: ErrorInput, reading: Reading) -> bool:
    if words.is_code_node(error.node_type):
        return True
    if error.node_type:
        return False
    return reading.unwrapped.had_position or short_name(error.name) in _CODE_ERRORS


def _codes(error: ErrorInput, reading: Reading) -> tuple[tuple[str, str], ...]:
    code = short_code(error.http_code) or reading.unwrapped.status
    if code.isdigit():
        return (("status", code),)
    return (("code", code),) if code and class_of_code(code) else ()


def _grouping(group: _Group, error: ErrorInput, text: str, reading: Reading) -> Grouping:
    attributes = dict.fromkeys((*_codes(error, reading), *reading.masked.attributes))
    return Grouping(
        fingerprint=_fingerprint(group.kind, group.rule_key or group.template),
        error_class=group.error_class,
        template=group.template[:LONGEST_TEMPLATE],
        rule_key=group.rule_key,
        version=GROUPING_VERSION,
        text=text,
        attributes=tuple(attributes)[:MOST_ATTRIBUTES],
    )


# Few templates make up most errors: what is known of one is looked up once.
@lru_cache(maxsize=8192)
def _rule_of(tokens: tuple[str, ...]) -> Rule | None:
    return _BOOK.whole(tokens)


@lru_cache(maxsize=8192)
def _template_of(rule: Rule) -> str:
    """The rule's first pattern, with the one sign for values that all templates have."""
    return re.sub(r"\{[*v]?\}", VALUE, rule.patterns[0])


@lru_cache(maxsize=8192)
def _class_within(tokens: tuple[str, ...]) -> str | None:
    rule = _BOOK.within(tokens, _MANY_WORDS)
    return rule.error_class if rule else None


# And most failures repeat a message to the letter.
_remembered = lru_cache(maxsize=4096)(classify_anew)


@lru_cache(maxsize=8192)
def _fingerprint(kind: str, basis: str) -> str:
    return hashlib.sha256(f"{GROUPING_VERSION}|{kind}|{basis}".encode()).hexdigest()[:32]


@cache
def _keys_by_fingerprint() -> dict[str, str]:
    keys = [rule.key for rule in _BOOK.rules] + [general.key for general in GENERALS]
    return {_fingerprint("rule", key): key for key in keys}
