"""A tenant's own rules: which failures belong together whatever our own reading says.

A rule is a text that the message holds, or a glob in which ``*`` stands for anything. No regular
expressions: a match takes time linear in the message, whoever wrote the rule.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from executions.grouping.fingerprint import Grouping
from executions.grouping.masks import straight


@dataclass(frozen=True, slots=True)
class OwnRule:
    id: str
    name: str
    pattern: str
    is_glob: bool
    error_class: str = ""


def matches(rule: OwnRule, text: str) -> bool:
    """Whether the rule is for this message; case and the shape of quotes tell nothing."""
    pattern, message = _folded(rule.pattern), _folded(text)
    return _fits(pattern.split("*"), message) if rule.is_glob else pattern in message


def regrouped(grouping: Grouping, rules: Iterable[OwnRule]) -> Grouping:
    """The grouping as the first rule that matches wants it, or as it was."""
    for rule in rules:
        if matches(rule, grouping.text):
            return replace(
                grouping,
                fingerprint=fingerprint_of(rule.id),
                error_class=rule.error_class or grouping.error_class,
                template=rule.name,
                rule_key=None,
            )
    return grouping


def fingerprint_of(rule_id: str) -> str:
    """Of the rule's group; no version of ours changes what a tenant put together."""
    return hashlib.sha256(f"own|{rule_id}".encode()).hexdigest()[:32]


def _folded(text: str) -> str:
    return " ".join(straight(text).casefold().split())


def _fits(pieces: list[str], message: str) -> bool:
    first, last = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return message == first
    if not message.startswith(first) or not message.endswith(last):
        return False
    place, end = len(first), len(message) - len(last)
    for piece in pieces[1:-1]:
        found = message.find(piece, place, end)
        if found < 0:
            return False
        place = found + len(piece)
    return place <= end
