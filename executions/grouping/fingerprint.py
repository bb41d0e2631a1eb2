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

from executions.grouping import evidence
from executions.grouping.codes import class_of_code
from executions.grouping.general import GENERALS, General
from executions.grouping.masks import MOST_ATTRIBUTES, VALUE
from executions.grouping.reading import Reading, read
from executions.grouping.rules.book import Book
from executions.grouping.rules.rule import Rule, all_rules
from executions.grouping.text import ErrorInput, Picked, pick, plain, short_code, short_name

GROUPING_VERSION = 3
LONGEST_TEMPLATE = 600
_LONGEST_REMEMBERED = 1000
_LONGEST_NAME = 80

_BOOK = Book(all_rules())
_HINTS: Mapping[str, str] = {rule.key: rule.hint for rule in _BOOK.rules if rule.hint}
_USER_NODES = frozenset({"n8n-nodes-base.stopAndError"})
_CODE_ERRORS = frozenset({"WrappedExecutionError", "ExecutionError", "ValidationError"})
_AROUND_CODE = frozenset({"timeout", "resource", "connection", "dns", "tls"})
_VAGUE_IN_DATABASES = frozenset({"not_found", "data", "code", "expression", "server_error"})
# What a service cannot read with one of these is the request, not what it answered.
_REFUSED = frozenset({"400", "422"})
_EXPRESSION_ERRORS = frozenset({"ExpressionError", "ExpressionExtensionError"})
# How many words of its own make a rule inside a longer message evidence, before and after phrases.
_MANY_WORDS = 5
_SOME_WORDS = 3
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
    if rule.error_class == "code" and evidence.is_database_node(node_type):
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
    tokens = reading.tokens
    names = _names_in(error, reading)
    if not _EXPRESSION_ERRORS.isdisjoint(names):
        return "expression"
    if _from_code_node(error, reading):
        return _class_within(tokens, _SOME_WORDS) or _class_around_code(tokens)
    hint = read(picked.hint) if picked.hint else None
    told = (
        _class_within(tokens, _MANY_WORDS)
        or evidence.class_of_text(tokens)
        or _class_within(tokens, _SOME_WORDS)
        or (_class_told(hint) if hint else None)
        or evidence.class_of_names(names)
    )
    if told == "unknown":
        # "Something went wrong" and a status: the status is all that tells.
        return class_of_code(short_code(error.http_code)) or told
    if told:
        return _beside_node(error, told)
    weak = (
        class_of_code(short_code(error.http_code))
        or evidence.class_of_status_in(tokens, reading.unwrapped.status)
        or (class_of_code(picked.general.code) if picked.general else None)
        or evidence.class_of_weak_text(tokens)
        or (evidence.class_of_weak_text(hint.tokens) if hint else None)
    )
    if weak is None and len(tokens) < _FEWEST_TELLING_WORDS:
        return "unknown"
    has_code = bool(short_code(error.http_code) or reading.unwrapped.status)
    return evidence.class_by_node(error.node_type, weak, has_code=has_code) or "unknown"


def _names_in(error: ErrorInput, reading: Reading) -> tuple[str, ...]:
    """The names of errors around the text; a single word may be one itself."""
    text = reading.unwrapped.text
    alone = () if " " in text or len(text) > _LONGEST_NAME else (text.strip("[]. "),)
    return (*reading.unwrapped.names, short_name(error.name), *alone)


def _class_around_code(tokens: tuple[str, ...]) -> str:
    """What a program says is its own affair, but not what it ran into."""
    told = evidence.class_of_text(tokens)
    is_around = told in _AROUND_CODE or (told == "data" and "json" in tokens)
    return told if told and is_around else "code"


def _beside_node(error: ErrorInput, told: str) -> str:
    """A database that says "not found" or "cannot parse" speaks of the statement, and a node that
    only turns items over speaks of these."""
    if told in _VAGUE_IN_DATABASES and evidence.is_database_node(error.node_type):
        # Over HTTP a document is not found as any other thing.
        return told if short_code(error.http_code) == "404" else "database"
    if told == "data" and short_code(error.http_code) in _REFUSED:
        return "validation"
    if told == "not_found" and short_code(error.http_code) == "401":
        return "auth"
    if told == "not_found" and evidence.is_item_node(error.node_type):
        return "data"
    return told


def _class_told(reading: Reading) -> str | None:
    if rule := _rule_of(reading.tokens):
        return rule.error_class
    return (
        _class_within(reading.tokens, _MANY_WORDS)
        or evidence.class_of_text(reading.tokens)
        or _class_within(reading.tokens, _SOME_WORDS)
    )


def _general_class(error: ErrorInput, general: General) -> str:
    if general.error_class != "unknown":
        return general.error_class
    hint = plain(error.description)
    return (
        (_class_told(read(hint)) if hint else None)
        or class_of_code(short_code(error.http_code))
        or "unknown"
    )


def _from_code_node(error: ErrorInput, reading: Reading) -> bool:
    if evidence.is_code_node(error.node_type):
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
def _class_within(tokens: tuple[str, ...], fewest_words: int) -> str | None:
    rule = _BOOK.within(tokens, fewest_words)
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
