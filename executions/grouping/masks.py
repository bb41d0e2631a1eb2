"""Turns the values in a message into placeholders, so that one template is left.

The text is cut into words. Each word is judged alone (address, id, number, path, name of something
in a program, error code …), and a few by the word before ("table stock", "status code 404").
`Masked.tokens` is the template: lower case, without punctuation, `<*>` for a value. What a word
means does not depend on other messages, so the order in which messages come changes nothing.
"""

import re
from typing import NamedTuple

from executions.grouping.codes import ERRNOS
from executions.grouping.vocabulary import (
    ALWAYS_NAMED,
    BEFORE_HOSTS,
    CODE_KEEPERS,
    CODE_WORDS,
    KEPT_WORDS,
    NAME_FOLLOWERS,
    NAMED_BEFORE,
    NAMED_BY_NEXT,
    NAMED_BY_REST,
    NEVER_NAMES,
    NOT_A_NAME,
    NUMBER_KEEPERS,
    STATUS_KEEPERS,
    UNITS,
)

VALUE = "<*>"
SECRET_MARK = "hidden]"
# A placeholder of a rule's pattern; it passes through the masks unchanged.
WILD = "zzwild"
WILDS = "zzwilds"
_HOLES = frozenset({VALUE, WILD, WILDS})
# Tokens that say something of themselves or of the next one by their neighbours.
_TELLING = frozenset({VALUE}) | UNITS | NAMED_BY_NEXT | NAMED_BEFORE | BEFORE_HOSTS

MOST_CHARACTERS = 2000
MOST_TOKENS = 80
MOST_QUOTES = 60
MOST_WORDS = 120
MOST_ATTRIBUTES = 8
LONGEST_ATTRIBUTE = 120
_MEMO_LIMIT = 20_000
_LONGEST_MEMO = 48
_LONGEST_WORD = 160

_QUOTED = re.compile(
    r"\"(?P<double>[^\"]{0,1200})\""
    r"|(?<![\w'])'(?P<single>[^'\n]{0,600}(?:'(?=[a-z])[^'\n]{1,300})?)'(?!\w)"
    r"|`(?P<tick>[^`]{0,600})`"
)
_CURLY_QUOTED = re.compile(
    r"(?<!\w)[‘‚][^‘’\n]{1,300}[’‘](?!\w)|[“„][^“”\n]{1,600}[”“]|«[^«»\n]{1,600}»|‹[^‹›\n]{1,300}›"
)
_MUSTACHE = re.compile(r"\{\{[^{}]{0,300}\}\}")
# The name of a limit may say that it lasts a day or longer: that is another error than one of a
# minute, so this much of a quoted name stays.
_LONG_PERIOD = re.compile(r"\bper (?:day|month)\b", re.I)
_PER_DAY = "per_day"
_KEEPS_QUOTED = re.compile(
    r"(?:response|error|error code|error_code|code|reason|state|status):?\s?$", re.I
)
_SNAKE = re.compile(r"[a-z][a-z0-9]{0,30}(?:_[a-z0-9]{1,30}){0,8}")
_SLUG = re.compile(r"[a-z]{2,30}(?:[/_-][a-z]{2,30}){1,6}/?\.{0,2}")
_HUMPED = re.compile("[a-z]{2,30}(?:[A-Z][a-z]{1,30}){1,6}")
_HUMPS = re.compile("([A-Z])")
_NUMBERED = re.compile("[A-Z]{1,5}[0-9]{3,5}")
_CODE_SHAPES = (_SNAKE, _SLUG, _HUMPED, _NUMBERED)
_STRAIGHT = (
    *((curly, "'") for curly in "‘’‚‛‹›′´"),
    *((curly, '"') for curly in "“”„«»″"),
    *((dash, "-") for dash in "–—‐‑−"),
    ("…", "..."),
    ("\u00a0", " "),
)

_EDGES = " \t.,;:!?()[]{}<>\"'`*|=&#~^-–"
_PLAIN = re.compile(r"[a-z]{1,60}(?:['-][a-z]{1,60}){0,6}")
_CAPITAL = re.compile(r"[A-Z]?[a-z]{1,60}(?:[-'][A-Za-z][a-z]{0,60}){0,6}|[A-Z]{1,60}")
_CODE = re.compile(
    r"[A-Z][A-Z0-9]{0,40}(?:_[A-Z0-9]{1,40}){1,10}|E\d{4,6}|ORA-\d{4,6}|AADSTS\d{4,8}|PGRST\d{3}|P\d{4}"
    r"|SQLSTATE\[[0-9A-Z]{5}"
    r"|[A-Z][A-Za-z]{2,40}(?:Error|Exception|Fault|Failure|Denied|NotFound|Exceeded|Exhausted)"
)
_ERROR_NAME = re.compile("[A-Z][A-Za-z]{2,60}(?:Error|Exception|Fault)")
_ASIDE = re.compile(r"\([a-z][A-Za-z]{1,40}\)[.,:]?")
_CAMEL = re.compile(r"[a-z]+[A-Z]")
_KEY_VALUE = re.compile(r"([A-Za-z][\w-]{0,40})=(.+)")
_CODE_PAIR = re.compile(
    r"(?:error|code|reason|status|error_?code|status_?code)=(?:[a-z]{2,30}(?:_[a-z]{1,30}){0,6}|\d{1,6})",
    re.I,
)
# What Windows, SQL and mail servers number their errors by.
_HEX_CODE = re.compile("0x8[0-9a-fA-F]{7}")
_SQL_STATE = re.compile("[0-9A-Z]{5}")
_MAIL_CODE = re.compile("[45][.][0-9]{1,3}[.][0-9]{1,3}")
_MAIL_CODES = re.compile("[45][0-9]{2}-[45][.][0-9]{1,3}[.][0-9]{1,3}")
_STATUS = re.compile("[45][0-9]{2}")
_PARTS = re.compile(r"[a-z]+")
_HOST = re.compile(r"(?:[a-z][a-z0-9+.-]{1,12}://)?(?:[^\s/@]{1,120}@)?([\w.-]{1,200})", re.I)
_ADDRESS = re.compile(
    r"\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?"
    r"|(?:[\w-]{1,63}\.){2,6}[a-z]{2,12}(?::\d{1,5})?"
    r"|[\w-]{1,63}\.(?:com|net|org|io|dev|ai|app|cloud|eu|co|local|internal|test|example|invalid)"
    r"|[a-z][\w.-]{1,80}:\d{2,5}"
)
_NUMBER = re.compile(r"[\d.,]{1,40}")


class Masked(NamedTuple):
    tokens: tuple[str, ...]
    attributes: tuple[tuple[str, str], ...]

    @property
    def template(self) -> str:
        return " ".join(self.tokens)


_memo: dict[str, str] = {}


def straight(text: str) -> str:
    """Straight quotes and dashes, whatever the author's keyboard made of them."""
    for curly, plain in _STRAIGHT:
        if curly in text:
            text = text.replace(curly, plain)
    return text


def mask(text: str) -> Masked:
    text = text[:MOST_CHARACTERS]
    attributes: list[tuple[str, str]] = []
    if not text.isascii():
        text = straight(_mask_curly(text, attributes))
    if "n't" in text:
        # A sentence is the same with and without its contractions.
        text = text.replace("an't", "annot").replace("won't", "will not").replace("n't", " not")
    if "{{" in text:
        text = _MUSTACHE.sub(VALUE, text)
    if '"' in text or "'" in text or "`" in text:
        text = _mask_quoted(text, attributes)
    if " routines:" in text:
        # OpenSSL joins the parts of its errors by colons: address, library, reason, file, line.
        text = text.replace(":", " ")
    words = text.split(None, MOST_WORDS)[:MOST_WORDS]
    tokens = [_memo.get(word) or _token(word) for word in words]
    if tokens == [VALUE] and any(shape.fullmatch(words[0]) for shape in _CODE_SHAPES):
        # A code is all that was said.
        tokens = [words[0].lower()]
    _mask_by_neighbours(words, tokens)
    _mask_last(words, tokens)
    if VALUE in tokens:
        _add_attributes(words, tokens, attributes)
    return Masked(_joined(tokens), tuple(attributes[:MOST_ATTRIBUTES]))


def _mask_curly(text: str, attributes: list[tuple[str, str]]) -> str:
    """Curly quotes first: they can stand inside straight ones, as in 'When clicking ‘Run’'."""

    def replace(found: re.Match[str]) -> str:
        content = found[0][1:-1]
        if _is_kept(content, text, found.start()):
            return content
        if len(attributes) < MOST_ATTRIBUTES:
            attributes.append(("name", content.strip()[:LONGEST_ATTRIBUTE]))
        return VALUE

    return _CURLY_QUOTED.sub(replace, text, count=MOST_QUOTES)


def _mask_quoted(text: str, attributes: list[tuple[str, str]]) -> str:
    if '\\"' in text:
        text = text.replace('\\"', '"')

    def replace(found: re.Match[str]) -> str:
        content = found[found.lastgroup or 0]
        if _is_kept(content, text, found.start()):
            return content
        if content and VALUE not in content and len(attributes) < MOST_ATTRIBUTES:
            attributes.append(("name", content.strip()[:LONGEST_ATTRIBUTE]))
        return f"{VALUE} {_PER_DAY}" if _LONG_PERIOD.search(content) else VALUE

    return _QUOTED.sub(replace, text, count=MOST_QUOTES)


def _is_kept(content: str, text: str, start: int) -> bool:
    """A code in quotes after "response:", "code:" … is the kind of error and no value."""
    if len(content) > 60 or not _SNAKE.fullmatch(content):
        return WILD in content
    if _KEEPS_QUOTED.search(text, max(0, start - 16), start):
        return True
    return "_" in content and _is_code_word(content) and text[max(0, start - 2) : start] == ": "


def _token(word: str) -> str:
    """The template's token for one word: itself in lower case, `<*>`, or a space for nothing."""
    if VALUE in word or SECRET_MARK in word:
        token = VALUE
    elif WILD in word:
        token = WILDS if WILDS in word else WILD
    elif len(word) > _LONGEST_WORD:
        token = VALUE
    else:
        token = _judge(word.strip(_EDGES)) or " "
        if _ASIDE.fullmatch(word) and _is_name(token):
            token = VALUE
    if len(word) <= _LONGEST_MEMO:
        if len(_memo) >= _MEMO_LIMIT:
            _memo.clear()
        _memo[word] = token
    return token


def _judge(core: str) -> str:
    if not core:
        return ""
    low = core.lower()
    if _PLAIN.fullmatch(core) or low in KEPT_WORDS:
        return low
    if core.isalpha():
        return low if not _CAMEL.match(core) else VALUE
    if _CODE.fullmatch(core) or low.upper() in ERRNOS:
        return low
    if _CODE_PAIR.fullmatch(core):
        return low
    if found := _KEY_VALUE.fullmatch(core):
        return found[1].lower() if _CAPITAL.fullmatch(found[1]) else VALUE
    if core.endswith("(s"):
        return low[:-2] + "s"
    if any(one.isdigit() for one in core) or any(one in core for one in "@$\\[]{}()<>*%"):
        return VALUE
    if "_" in core:
        return low if _is_code_word(low) else VALUE
    if "/" in core:
        return low if _is_word_pair(core) else VALUE
    if "." in core or ":" in core:
        last = core.rpartition(".")[2]
        return last.lower() if _ERROR_NAME.fullmatch(last) else _judge_dotted(low)
    return VALUE if _CAMEL.match(core) else low


def _is_code_word(low: str) -> bool:
    return not CODE_WORDS.isdisjoint(_PARTS.findall(low))


def _is_word_pair(core: str) -> bool:
    """ "read/write" is a word, "/tmp/file" and "image/png" are values."""
    parts = core.split("/")
    if len(parts) > 3 or parts[0] in ("application", "text", "image", "audio", "video"):
        return False
    return all(_CAPITAL.fullmatch(part) for part in parts)


def _judge_dotted(low: str) -> str:
    """ "failed.please" are two sentences, "crm.example" is a name."""
    for sign in ("...", "…"):
        if sign in low:
            left, _, right = low.partition(sign)
            return left if _PLAIN.fullmatch(left) and not right else VALUE
    return VALUE


def _mask_by_neighbours(words: list[str], tokens: list[str]) -> None:
    for place, token in enumerate(tokens):
        if token in _TELLING:
            _look_around(words, tokens, place, token)


def _look_around(words: list[str], tokens: list[str], place: int, token: str) -> None:
    if token == VALUE:
        if place and (kept := _kept_value(words, tokens, place)):
            tokens[place] = kept
    elif token in UNITS:
        if place and tokens[place - 1] in _HOLES:
            tokens[place] = " "
    elif place == len(tokens) - 1:
        return
    elif token in BEFORE_HOSTS:
        if tokens[place + 1] not in NOT_A_NAME:
            tokens[place + 1] = VALUE
    elif token in NAMED_BEFORE and _is_named_before(tokens, place):
        tokens[place - 1] = VALUE
    elif _names(tokens, place + 1, token) or (
        words[place].endswith(":") and words[place + 1][-1] in ".,;" and _is_name(tokens[place + 1])
    ):
        tokens[place + 1] = VALUE
    elif token in NAMED_BY_REST and words[place].endswith(":"):
        _mask_rest(tokens, place + 1)


def _kept_value(words: list[str], tokens: list[str], place: int) -> str:
    """The number in "status code 404" and the code in "reason: no_permission"."""
    word_before, token_before = words[place - 1], tokens[place - 1]
    core = words[place].strip(_EDGES)
    if core.isdigit():
        is_code = len(core) <= NUMBER_KEEPERS.get(token_before, 0)
        if token_before in STATUS_KEEPERS and (
            place == len(words) - 1 or words[place][-1] in ".:,"
        ):
            is_code = bool(_STATUS.fullmatch(core))
    elif token_before == "sqlstate":
        is_code = bool(_SQL_STATE.fullmatch(core))
    elif core[:1].isdigit():
        is_code = _is_numbered_code(core, word_before)
    elif word_before.lower().endswith(CODE_KEEPERS):
        is_code = bool(_SNAKE.fullmatch(core) or _HUMPED.fullmatch(core))
    elif word_before.lower().endswith("error:"):
        is_code = bool("_" in core and _SNAKE.fullmatch(core)) or _is_humped_code(core)
    else:
        is_code = word_before[-1] == ":" and _is_humped_code(core)
    return core.lower() if is_code else ""


def _is_numbered_code(core: str, word_before: str) -> bool:
    """The "5.1.1" in "550 5.1.1 user unknown", the "0x80070005" of Windows."""
    if _HEX_CODE.fullmatch(core) or _MAIL_CODES.fullmatch(core):
        return True
    return bool(_MAIL_CODE.fullmatch(core) and _STATUS.fullmatch(word_before[-4:].strip(_EDGES)))


def _is_humped_code(core: str) -> bool:
    """ "rateLimitExceeded" is a kind of error, "orderId" a name."""
    if not _HUMPED.fullmatch(core):
        return False
    return not CODE_WORDS.isdisjoint(_HUMPS.sub(r" \1", core).lower().split())


def _is_named_before(tokens: list[str], place: int) -> bool:
    """Whether "the … field is" holds the name of that field."""
    if place < 2 or tokens[place - 2] != "the" or tokens[place + 1] not in NAME_FOLLOWERS:
        return False
    return _is_name_of(tokens[place], tokens[place - 1])


def _names(tokens: list[str], place: int, noun: str) -> bool:
    """Whether the word after "table", "user", "column" … is the name of that thing."""
    following = tokens[place + 1] if place + 1 < len(tokens) else ""
    if following and following not in NAME_FOLLOWERS:
        return False
    return _is_name_of(noun, tokens[place])


def _is_name_of(noun: str, word: str) -> bool:
    if noun in ALWAYS_NAMED:
        return word.isalpha() and word not in _HOLES and word not in NEVER_NAMES
    return _is_name(word)


def _is_name(word: str) -> bool:
    if word in NOT_A_NAME or word in _HOLES or not word.isalpha():
        return False
    return not word.endswith(("ed", "ing", "able", "ly"))


def _mask_last(words: list[str], tokens: list[str]) -> None:
    """One word behind the last colon is what was refused: "Invalid sort direction: sideways"."""
    if len(tokens) < 3 or words[-2][-1] != ":" or not _is_name(tokens[-1]):
        return
    is_code = words[-2].lower().endswith(CODE_KEEPERS)
    if not is_code and not _HUMPED.fullmatch(words[-1].strip(_EDGES)):
        tokens[-1] = VALUE


def _mask_rest(tokens: list[str], place: int) -> None:
    rest = tokens[place : place + 4]
    if not _HOLES.isdisjoint(rest):
        return
    if len(tokens) - place <= 3 and not any(token in NOT_A_NAME for token in rest):
        tokens[place:] = [VALUE] * len(rest)


def _add_attributes(words: list[str], tokens: list[str], attributes: list[tuple[str, str]]) -> None:
    for word, token in zip(words, tokens, strict=True):
        if len(attributes) >= MOST_ATTRIBUTES:
            return
        if token == VALUE and VALUE not in word and (kind := _kind(word.strip(_EDGES))):
            attributes.append(kind)


def _kind(value: str) -> tuple[str, str] | None:
    if len(value) < 2 or _NUMBER.fullmatch(value) or SECRET_MARK in value:
        return None
    if "@" in value and "://" not in value:
        return None
    if ("://" in value or _ADDRESS.fullmatch(value)) and (found := _HOST.match(value)):
        return "host", (found[1] if "://" in value else value)[:LONGEST_ATTRIBUTE]
    if value[0] in "/\\~" or "/" in value or "\\" in value:
        return "path", value[:LONGEST_ATTRIBUTE]
    return "id" if any(one.isdigit() for one in value) else "name", value[:LONGEST_ATTRIBUTE]


def _joined(tokens: list[str]) -> tuple[str, ...]:
    joined: list[str] = []
    for token in tokens:
        if token != " " and not (token == VALUE and joined and joined[-1] == VALUE):
            joined.append(token)
    return tuple(joined[:MOST_TOKENS])
