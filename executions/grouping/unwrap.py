"""Takes off what only wraps a message: error names, statuses, JSON and HTML bodies, positions.

Limited in depth and length on purpose: a body nested deeper, or longer than what is kept of a
message, stays as it is and is grouped by its first words.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

_MOST_LAYERS = 6
_DEEPEST = 40
_MOST_BRACKETS = 400
_LONGEST_POSITION = 120
_FARTHEST_FIELD = 3000

_NAME = re.compile(
    r"(?:[A-Za-z_$][\w$.]{0,80}(?:Error|Exception)|error|fatal|Uncaught(?: \(in promise\))?"
    r"|\[RE-WRAPPED\]|ER_[A-Z_0-9]{3,50})"
    r"(?: \[\w{1,60}\])?\s?:\s{0,4}",
    re.I,
)
_PROBLEM = re.compile(r"Problem in node\s['\"‘’“”]{1}.{0,120}?['\"‘’“”](?:\s?[:-])?\s{0,4}", re.I)
_ABORTED = re.compile(r"Problem with execution \S{1,40}: (.{1,4000})\. Aborting\.$", re.S)
_STATUS = re.compile(
    r"\(?(?:HTTP(?:/\d(?:\.\d)?)?\s|status(?:\scode)?:?\s)?(?P<status>[45]\d\d)\)?"
    r"(?:\s[-–:]\s|:\s|\s(?=[\"'{<\[A-Za-z]|[45]\d\d[\s:])|\s{0,2}$)"
)
_POSITION = re.compile(
    r"[\[(](?:line|item|for item|condition|run)\s\d{1,9}(?:,\s[a-z ]{0,20}\d{1,9}){0,3}[\])]"
)
# How Python's drivers of databases show an error: its number and its text.
_NUMBERED = re.compile(r"\(\d{1,6}, b?(?P<quote>[\"'])(?P<text>.{2,4000})(?P=quote)\)", re.S)
_STACK = re.compile(r"\n\s{1,20}at\s")
_TITLE = re.compile(r"<(title|h1|h2)\b[^<>]{0,200}>([^<]{1,300})", re.I)
_TAG = re.compile(r"</?[A-Za-z!][^<>]{0,300}>")
# What marks words up within a sentence: `exceeded your <a href="…">quota</a>`.
_MARKUP = re.compile(r"</?(?:a|b|br|code|em|i|p|span|strong|u)(?:\s[^<>]{0,300})?/?>", re.I)
_MOST_MARKUP = 40
_BODY = re.compile(r"[{\[]\s{0,4}[\"{\\]")
_FIELD = re.compile(
    r"\"(?:message|error_description|errorMessage|error_message|msg|detail|title)\\{0,3}\""
    r"\s{0,3}:\s{0,3}\\{0,3}\"([^\"\\]{2,600})",
    re.I,
)

# Where services put the text of an error, best first.
_TEXT_KEYS = (
    "message",
    "Message",
    "error_description",
    "error_message",
    "errorMessage",
    "errorMessages",
    "ErrorMessage",
    "msg",
    "detail",
    "details",
    "description",
    "reason",
    "title",
    "error_summary",
    "error",
    "Error",
    "errors",
    "err",
    "fault",
    "faultstring",
    "body",
    "data",
    "response",
    "cause",
    "text",
    "code",
    "error_code",
    "errorCode",
    "type",
)


class Unwrapped(NamedTuple):
    text: str
    names: tuple[str, ...] = ()
    status: str = ""
    from_body: bool = False
    had_position: bool = False


def unwrap(text: str) -> Unwrapped:
    names: list[str] = []
    status, from_body = "", False
    stack = _STACK.search(text) if "\n" in text else None
    core = (text[: stack.start()] if stack else text).strip()
    for _ in range(_MOST_LAYERS):
        before = core
        core = _without_names(core, names)
        core, status = _without_status(core, status)
        inner = _inner(core)
        if inner is not None:
            core, from_body = inner, True
        if core == before:
            break
    if "</" in core:
        core = _MARKUP.sub("", core, count=_MOST_MARKUP)
    core, had_position = _without_position(core)
    return Unwrapped(core.strip(), tuple(names), status, from_body, had_position)


def _without_names(text: str, names: list[str]) -> str:
    if ":" in text[:140] and (found := _NAME.match(text)) and _says_more(text[found.end() :]):
        names.append(found[0].strip(": "))
        return text[found.end() :]
    if text[:7].lower() == "problem" and (found := _PROBLEM.match(text)):
        return text[found.end() :] or text
    if found := _ABORTED.match(text):
        return found[1]
    return text


def _says_more(rest: str) -> bool:
    """ "KeyError: 'id'" needs its name: without it only a value is left."""
    words = rest[:80].split(None, 3)
    return len(words) > 1 or (bool(words) and words[0][0] not in "'\"`" and words[0][0].isalpha())


def _without_status(text: str, status: str) -> tuple[str, str]:
    if text[:1] not in "(45Hhs" or not (found := _STATUS.match(text)):
        return text, status
    rest = text[found.end() :]
    return (rest, found["status"]) if rest.strip() else (text, status or found["status"])


def _without_position(text: str) -> tuple[str, bool]:
    """Without "[line 12, for item 3]" and the like at the end."""
    tail = text[-_LONGEST_POSITION:]
    if "[" not in tail and "(" not in tail:
        return text, False
    short = _POSITION.sub("", tail)
    return text[: len(text) - len(tail)] + short, short != tail and "line" in tail


def _inner(text: str) -> str | None:
    """The text inside quotes, a JSON body or an HTML page; nothing when there is no such layer."""
    if not text:
        return None
    if text[0] == '"' and text[-1] == '"' and len(text) > 2:
        return _unquoted(text)
    if text[0] == "(" and (found := _NUMBERED.fullmatch(text)):
        return found["text"]
    if "<" in text and _is_page(text):
        return _page_title(text)
    if "{" in text or text[0] == "[":
        return _from_body(text)
    return None


def _unquoted(text: str) -> str | None:
    value = _parsed(text)
    if isinstance(value, str):
        return value if value.strip() else None
    inner = text[1:-1]
    return None if '"' in inner.replace('\\"', "") else inner.replace('\\"', '"')


def _is_page(text: str) -> bool:
    beginning = text[:200].lower()
    return beginning.startswith("<") or "<html" in beginning or "<!doctype html" in beginning


def _page_title(text: str) -> str | None:
    if "</" not in text and "/>" not in text and "<!" not in text[:2]:
        return None
    for found in _TITLE.finditer(text[:8192]):
        if found[2].strip():
            return found[2].strip()
    stripped = _TAG.sub(" ", text).strip()
    return stripped if stripped and stripped != text else None


def _from_body(text: str) -> str | None:
    found = _BODY.search(text)
    if found is None:
        return None
    body, before = text[found.start() :].strip().rstrip("'\"`."), text[: found.start()]
    message = _message_in(body)
    if not message or message == text:
        return None
    before = before.strip().strip("'\"`").strip(" :-")
    return f"{before}: {message}" if before else message


def _message_in(body: str) -> str:
    if '\\"' in body and body[:3].count("\\"):
        body = body.replace('\\"', '"')
    if text := _text_of(_parsed(body), 0):
        return text
    field = _FIELD.search(body, 0, _FARTHEST_FIELD)
    return field[1].strip() if field else ""


def _parsed(body: str) -> object:
    """What the JSON holds; nothing when it is broken, cut off or nested too deep."""
    if body.count("{") + body.count("[") > _MOST_BRACKETS:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _text_of(value: object, depth: int) -> str:
    if isinstance(value, str):
        return value.strip()
    if depth > _DEEPEST:
        return ""
    if isinstance(value, Mapping):
        return _text_of_object(value, depth)
    if isinstance(value, Sequence):
        for item in value[:5]:
            if text := _text_of(item, depth + 1):
                return text
    return ""


def _text_of_object(value: Mapping[str, object], depth: int) -> str:
    for key in _TEXT_KEYS:
        inner = value.get(key)
        if inner and not isinstance(inner, bool) and (text := _text_of(inner, depth + 1)):
            return text
    for inner in list(value.values())[:10]:
        if isinstance(inner, Mapping | list) and (text := _text_of(inner, depth + 1)):
            return text
    return ""
