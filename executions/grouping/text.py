"""What n8n's error object really says.

n8n replaces the text of many services by one general sentence and leaves the cause in the
description, in `messages` or in `cause`. `pick` gives the message and, where the message is such a
sentence, the detail that tells the cause. Every field may hold anything: nothing, a number, an
object, ten megabytes.
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from executions.grouping import masks
from executions.grouping.codes import ERRNOS, class_of_code
from executions.grouping.general import ADVICE, EMPTY_WORDS, GENERALS, General
from executions.grouping.reading import Reading, read
from executions.grouping.secrets import scrub

LONGEST_TEXT = 8192
# Read beyond the cut, so that a secret that the cut would halve is still seen whole.
_OVERLAP = 512
_MOST_MESSAGES = 5
_LONGEST_CODE = 80
_GREATEST_CODE = 1_000_000
_CODE = re.compile(r"[A-Z0-9_-]{2,80}")

_GENERAL_BY_TEMPLATE: Mapping[str, General] = {
    masks.mask(sentence).template: general for general in GENERALS for sentence in general.sentences
}
# What axios says, with nothing behind it.
_CLIENT_STATUS = "request failed with status code "
_SUB_NODE = General("configuration.sub_node", ("Error in sub-node",))


@dataclass(frozen=True, slots=True)
class ErrorInput:
    """An error as n8n tells it. Texts may be of any type and size; they are made text here."""

    message: object = None
    description: object = None
    messages: tuple[object, ...] = ()
    cause: object = None
    http_code: object = None
    name: object = None
    node_type: str | None = None
    status: str = "error"


class Picked(NamedTuple):
    message: str
    reading: Reading
    general: General | None = None
    detail: str = ""
    detail_reading: Reading | None = None
    # What stands behind the sentence and agrees with it: it tells hosts and ids, no other cause.
    behind: Reading | None = None
    hint: str = ""


def read_error(error: object, *, status: str = "error", node_type: str | None = None) -> ErrorInput:
    """The input from `data.resultData.error` of an execution, whatever shape it has."""
    if not isinstance(error, Mapping):
        return ErrorInput(message=error, status=status, node_type=node_type)
    node = error.get("node")
    found_type = node.get("type") if isinstance(node, Mapping) else None
    messages = error.get("messages")
    return ErrorInput(
        message=error.get("message"),
        description=error.get("description"),
        messages=tuple(messages[:_MOST_MESSAGES]) if isinstance(messages, list) else (),
        cause=error.get("cause"),
        http_code=error.get("httpCode"),
        name=error.get("name"),
        node_type=node_type or (found_type if isinstance(found_type, str) else None),
        status=status,
    )


def plain(value: object) -> str:
    """Any value as clean text of limited length, without secrets; empty when it says nothing."""
    if value is None or isinstance(value, bool):
        return ""
    if not isinstance(value, str):
        value = _as_text(value)
    return clean(value)


def clean(text: str) -> str:
    text = text[: LONGEST_TEXT + _OVERLAP]
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")
        text = unicodedata.normalize("NFC", text).replace("\ufeff", "")
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    return scrub(text.strip())[:LONGEST_TEXT].strip()


def short_code(value: object) -> str:
    """A status or error code in upper case; empty when the value is none."""
    if isinstance(value, int):
        value = str(value) if abs(value) < _GREATEST_CODE else ""
    code = value[:_LONGEST_CODE].strip().upper() if isinstance(value, str) else ""
    return code if _CODE.fullmatch(code) else ""


def short_name(value: object) -> str:
    """The name of an error class; empty when the value is none."""
    name = value[:_LONGEST_CODE] if isinstance(value, str) else ""
    return name if name.isidentifier() else ""


def _as_text(value: object) -> str:
    if isinstance(value, Mapping):
        for key in ("message", "description", "error", "name"):
            inner = value.get(key)
            if isinstance(inner, str) and inner.strip():
                return inner
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):
        return f"[{type(value).__name__}]"


def general_of(reading: Reading) -> General | None:
    """The general sentence that the text consists of, with any wrapper around it."""
    template = reading.template
    if known := _GENERAL_BY_TEMPLATE.get(template):
        return known
    if template.startswith(_CLIENT_STATUS):
        return _general_of_status(template[len(_CLIENT_STATUS) :])
    return _SUB_NODE if template.startswith("error in sub-node ") else None


def _general_of_status(status: str) -> General | None:
    if not status.isdigit() or not (error_class := class_of_code(status)):
        return None
    sentence = f"Request failed with status code {status}"
    return General(f"{error_class}.client_{status}", (sentence,), status)


def pick(error: ErrorInput) -> Picked:
    if not (message := plain(error.message)):
        return _first_of(error)
    first, line_break, rest = message.partition("\n")
    if line_break and rest:
        # A stored text is the sentence, a line break and the detail; it is read the same way.
        reading = read(first)
        if general := general_of(reading):
            return Picked(message, reading, general, rest.strip(), read(rest.strip()))
    reading = read(message)
    if general := general_of(reading):
        return _explained(error, message, reading, general)
    return Picked(message, reading, hint=plain(error.description))


def _explained(error: ErrorInput, message: str, reading: Reading, general: General) -> Picked:
    """The sentence with the first text behind it that tells a cause."""
    is_errno = general.code in ERRNOS
    for value in (error.description, *error.messages[:_MOST_MESSAGES], error.cause):
        text = plain(value)
        if not text or text == message or is_advice(text):
            continue
        behind = read(text)
        if is_errno and re.search(rf"\b{general.code}\b", text):
            return Picked(message, reading, general, behind=behind)
        if tells_something(behind) and general_of(behind) is None:
            return Picked(message, reading, general, text, behind)
    return Picked(message, reading, general)


def _first_of(error: ErrorInput) -> Picked:
    for value in (error.description, *error.messages[:_MOST_MESSAGES], error.cause):
        if text := plain(value):
            reading = read(text)
            return Picked(text, reading, general_of(reading))
    return Picked("", read(""))


def is_advice(text: str) -> bool:
    return text[:40].lower().startswith(ADVICE)


def tells_something(reading: Reading) -> bool:
    template = reading.template
    return len(template) > len(masks.VALUE) and template not in EMPTY_WORDS
