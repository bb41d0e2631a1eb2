"""What n8n's error object really says.

n8n replaces the text of many services by one general sentence and leaves the cause in the
description, in `messages` or in `cause`. `pick` gives the message and, where the message is such a
sentence, the detail that tells the cause. Every field may hold anything: nothing, a number, an
object, ten megabytes.
"""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from executions.grouping import masks
from executions.grouping.codes import ERRNOS, class_of_code
from executions.grouping.general import ADVICE, EMPTY_WORDS, GENERALS, General
from executions.grouping.secrets import scrub
from executions.grouping.unwrap import unwrap

LONGEST_TEXT = 8192
# Read beyond the cut, so that a secret that the cut would halve is still seen whole.
_OVERLAP = 512
_MOST_MESSAGES = 5

_GENERAL_BY_TEMPLATE: Mapping[str, General] = {
    masks.mask(sentence).template: general for general in GENERALS for sentence in general.sentences
}
# What axios says, with nothing behind it.
_CLIENT_STATUS = "request failed with status code "
_SUB_NODE = General("configuration.sub_node", ())
_LONGEST_GENERAL = max(len(one) for general in GENERALS for one in general.sentences) + 80


@dataclass(frozen=True, slots=True)
class ErrorInput:
    """An error as n8n tells it. Texts may be of any type and size; they are made text here."""

    message: object = None
    description: object = None
    messages: Sequence[object] = ()
    cause: object = None
    http_code: object = None
    name: object = None
    node_type: str | None = None
    status: str = "error"


@dataclass(frozen=True, slots=True)
class Picked:
    message: str
    detail: str = ""
    general: General | None = None
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


def general_of(text: str) -> General | None:
    """The general sentence that the text consists of, with any wrapper around it."""
    if len(text) > _LONGEST_GENERAL:
        return None
    template = masks.mask(unwrap(text).text).template
    if known := _GENERAL_BY_TEMPLATE.get(template):
        return known
    if template.startswith(_CLIENT_STATUS):
        return _general_of_status(template[len(_CLIENT_STATUS) :])
    return _SUB_NODE if template.startswith("error in sub-node ") else None


def _general_of_status(status: str) -> General | None:
    if not status.isdigit() or not (error_class := class_of_code(status)):
        return None
    return General(f"{error_class}.client_{status}", (), status)


def pick(error: ErrorInput) -> Picked:
    message = plain(error.message)
    if not message:
        return _first_of(error)
    general, detail = _split(message)
    if general is None:
        return Picked(message, hint=plain(error.description))
    if not detail:
        detail = _detail(error, general, message)
    return Picked(message, detail, general)


def _first_of(error: ErrorInput) -> Picked:
    for value in (error.description, *error.messages[:_MOST_MESSAGES], error.cause):
        if text := plain(value):
            return Picked(text, general=general_of(text))
    return Picked("")


def _split(message: str) -> tuple[General | None, str]:
    """A stored text is the sentence, a line break and the detail; it is read the same way."""
    first, line_break, rest = message.partition("\n")
    if line_break and (general := general_of(first)):
        return general, rest.strip()
    return general_of(message), ""


def _detail(error: ErrorInput, general: General, message: str) -> str:
    is_errno = general.code in ERRNOS
    for value in (error.description, *error.messages[:_MOST_MESSAGES], error.cause):
        text = plain(value)
        if not text or text == message or is_advice(text):
            continue
        if is_errno and general.code in text.upper():
            return ""
        if tells_something(text) and general_of(text) is None:
            return text
    return ""


def is_advice(text: str) -> bool:
    return text[:40].lower().startswith(ADVICE)


def tells_something(text: str) -> bool:
    core = unwrap(text).text.strip(" .!?\"'").lower()
    return len(core) > 3 and core not in EMPTY_WORDS
