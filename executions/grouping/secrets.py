"""Removes what nobody may read from a text: keys, tokens, passwords, cookies, signatures.

What it promises: `scrub(scrub(text)) == scrub(text)`, time linear in the text, and no secret is
shortened to a readable rest. It prefers to remove too much: a lost word is a smaller harm than a
kept password. A pattern runs only when its literal is in the text, and a text with more suspicious
places than `MOST_PLACES` of one kind is cut at the last one instead of being searched on.
"""

import re
from collections.abc import Callable, Iterator

# Holds none of the words that announce a secret.
SECRET = "[hidden]"
MOST_PLACES = 40

# Words of a sentence that stand where a secret could: "password: required" holds no password.
_PLAIN_WORDS = """
    absent auth authentication authorization bad basic be been bearer blank cannot could
    credential credentials denied disabled does empty error expired failed failure false field
    forbidden has have header incorrect incomplete invalid is key malformed mismatch missing must
    no none not null optional or parameter provided rejected required revoked scheme schemes should
    string that the to token tokens too true unauthorized undefined unknown unset unsupported using
    value was were with wrong yes you your
"""
_PLAIN = frozenset(_PLAIN_WORDS.split())

# How the tokens of providers begin and go on, by a sign that must be in the text.
_PROVIDERS = {
    "_": (
        ("sk_live_", r"\w{8,}"),
        ("sk_test_", r"\w{8,}"),
        ("rk_live_", r"\w{8,}"),
        ("ghp_", r"\w{16,}"),
        ("gho_", r"\w{16,}"),
        ("ghu_", r"\w{16,}"),
        ("ghs_", r"\w{16,}"),
        ("ghr_", r"\w{16,}"),
        ("github_pat_", r"\w{16,}"),
        ("shpat_", r"\w{16,}"),
        ("shpss_", r"\w{16,}"),
        ("shpca_", r"\w{16,}"),
        ("hf_", r"[A-Za-z0-9]{16,}"),
        ("npm_", r"[A-Za-z0-9]{16,}"),
        ("dop_v1_", r"\w{16,}"),
        ("ntn_", r"\w{16,}"),
        ("secret_", r"\w{16,}"),
        ("lin_api_", r"\w{16,}"),
        ("whsec_", r"[\w+/=-]{16,}"),
        ("gsk_", r"\w{16,}"),
        ("n8n_api_", r"\w{16,}"),
        ("dckr_pat_", r"[\w-]{16,}"),
    ),
    "-": (
        ("sk-", r"(?<![A-Za-z0-9]sk-)[\w*-]{8,}"),
        ("glpat-", r"[\w-]{12,}"),
        ("xapp-", r"[\w-]{8,}"),
        ("pypi-", r"[\w-]{16,}"),
        ("pat-", r"[a-z]{2}\d-[\w-]{16,}"),
        ("xai-", r"\w{16,}"),
        ("pplx-", r"\w{16,}"),
        ("nvapi-", r"[\w-]{16,}"),
        ("key-", r"[0-9a-f]{24,}"),
    ),
    "": (
        ("xox", r"[a-z](?:\.xox[a-z])?-[\w-]{8,}"),
        ("AIza", r"[\w-]{20,}"),
        ("ya29.", r"[\w.-]{10,}"),
        ("1//0", r"[\w-]{20,}"),
        ("AKIA", r"[A-Z0-9]{12,}"),
        ("ASIA", r"[A-Z0-9]{12,}"),
        ("SG.", r"[\w-]{10,100}\.[\w-]{10,}"),
        ("EAA", r"[A-Za-z0-9]{30,}"),
        ("pat", r"[A-Za-z0-9]{14}\.[0-9a-f]{32,}"),
        ("ATATT3x", r"[\w=-]{20,}"),
        ("eyJ", r"(?<![\w-]eyJ)[\w-]{6,}\.[\w-]{4,}(?:\.[\w-]{1,4000}){0,3}"),
        (":AA", r"(?<=\d:AA)[\w-]{28,}"),
    ),
}
_PROVIDER_PATTERNS = tuple(
    (sign, tuple((mark, re.compile(re.escape(mark) + rest)) for mark, rest in group))
    for sign, group in _PROVIDERS.items()
)

_BEFORE_MARK = r"(?:[ _-](?:hash|value))?(?P<close>[\"'\\\])]{0,3})\s{0,2}"
_MARKS = ((":", ":"), ("=", "=>?"), ("%3", "%3[ad]"))
_SAME_LINE, _NEXT_LINE = r"[^\S\n]{0,2}", r"[^\S\n]?\n\s?"
_VALUE = re.compile(r"\"[^\"]{0,2000}\"?|'[^']{0,2000}'?|[^\s\"'&;<>]+")
_NAMES = (
    ("pass", "(?:word|wd|phrase|code)?"),
    ("pwd", ""),
    ("secret", ""),
    ("token", ""),
    ("credential", "s?"),
    ("key", ""),
    ("auth", "(?:orization)?"),
    ("sig", "(?:nature)?"),
    ("session", "(?:[ _-]?id)?"),
    ("otp", ""),
    ("resume", "[ _-]?url"),
)
# A bare "key: x" names a thing; these words before it make it a secret.
_SECRET_KEY = re.compile(
    r"(?:api|auth|access|account|shared|private|secret|encryption|master|signing|license)[ _-]?$"
)
_RANDOM = re.compile(r"[\d*]")
_SENTENCE = re.compile(r"[a-z]{1,40} [a-z]")
_PORT = re.compile(r"\d{1,5}(?:[/?#]|$)")
_SPOKEN = (
    r"(?: is| was| provided| given| supplied| used)?:? "
    r"(?:(?P<quote>[\"'`])(?P<quoted>[^\"'`\s]{6,400})(?P=quote)|(?P<value>[^\s\"'`<>]{6,}))"
)

_Span = tuple[int, int]
_Spans = Iterator[_Span]
_Judge = Callable[[re.Match[str]], _Span | None]
_Family = tuple[str, re.Pattern[str], _Judge]


def scrub(text: str) -> str:
    """The text with every recognisable secret replaced by `[hidden]`."""
    if "-----BEGIN " in text:
        text = _without_private_keys(text)
    for sign, patterns in _PROVIDER_PATTERNS:
        if sign in text:
            for mark, pattern in patterns:
                if mark in text:
                    text, _ = _hide(text, text, _each(pattern, text, _token_span))
    low = lowered(text)
    for sign, families in _FAMILIES:
        if sign in low:
            for needle, pattern, judge in families:
                if needle in low:
                    text, low = _hide(text, low, _each(pattern, low, judge))
    return text


def lowered(text: str) -> str:
    """Lower case of the same length, so that places in one are places in the other."""
    # Only this capital becomes two characters.
    return text.replace("\u0130", "i").lower()


def _without_private_keys(text: str) -> str:
    parts, start = [], 0
    for _ in range(MOST_PLACES):
        begin = text.find("-----BEGIN ", start)
        if begin < 0:
            break
        parts.append(text[start:begin])
        heading = text.find("-----", begin + 11, begin + 60)
        is_private = "PRIVATE KEY" in text[begin : begin + 60] or heading < 0
        end = text.find("-----END ", begin)
        closing = text.find("-----", end + 9) if end >= 0 else -1
        start = closing + 5 if closing >= 0 else len(text)
        parts.append(SECRET if is_private else text[begin:start])
    return "".join(parts) + text[start:]


def _hide(text: str, low: str, spans: _Spans) -> tuple[str, str]:
    parts: list[str] = []
    lows: list[str] = []
    last = 0
    for start, end in spans:
        parts += (text[last:start], SECRET)
        lows += (low[last:start], SECRET)
        last = end
    if not parts:
        return text, low
    return "".join(parts) + text[last:], "".join(lows) + low[last:]


def _each(pattern: re.Pattern[str], text: str, judge: _Judge) -> _Spans:
    hidden = 0
    for place, found in enumerate(pattern.finditer(text)):
        if place == MOST_PLACES:
            yield max(hidden, found.start()), len(text)
            return
        if found.start() >= hidden and (span := judge(found)):
            yield span
            hidden = span[1]


def _token_span(found: re.Match[str]) -> _Span | None:
    # "sk-learn-dataset" and "secret_manager_client" are words; a key holds a digit or its mask.
    return found.span() if _RANDOM.search(found.string, *found.span()) else None


def _value_span(found: re.Match[str]) -> _Span | None:
    return found.span("value")


def _userinfo_span(found: re.Match[str]) -> _Span | None:
    """Of the address, or of the first one in its query that has a password."""
    value, first, start = found["value"], found.start("value"), 0
    at = value.rfind("@")
    while 0 <= (colon := value.find(":", start)) < at:
        name = value[start:colon]
        if "/" not in name and "?" not in name and not _PORT.match(value, colon + 1):
            return first + colon + 1, first + at
        inner = value.find("://", start)
        if inner < 0:
            return None
        start = inner + 3
    return None


def _scheme_span(found: re.Match[str]) -> _Span | None:
    value = found["value"]
    if value.rstrip(".:") in _PLAIN or (found["name"] == "digest" and value.isalpha()):
        return None
    return found.span("value")


def _bot_span(found: re.Match[str]) -> _Span | None:
    return found.span("value") if _RANDOM.search(found.string, *found.span("value")) else None


def _named_span(found: re.Match[str]) -> _Span | None:
    if not _names_secret(found):
        return None  # Before its value is read: that may be all the rest, once for each name.
    value = _VALUE.match(found.string, found.end())
    if value is None or not _may_be_secret(found, value[0]):
        return None
    start, end = value.span()
    if value[0][0] in "\"'":
        start += 1
        end -= 1 if end > start and value[0].endswith(value[0][0]) else 0
    return start, end


def _names_secret(found: re.Match[str]) -> bool:
    name, low, start = found["name"], found.string, found.start()
    if name == "key":
        return _SECRET_KEY.search(low, max(0, start - 16), start) is not None
    return len(name) >= 5 or not low[start - 1 : start].isalnum()


def _may_be_secret(found: re.Match[str], value: str) -> bool:
    name, low = found["name"], found.string
    bare = value.strip("\"'\\,.)]}([{")
    if not bare or bare in _PLAIN:
        return False
    if found["mark"] != ":" or bare == "hidden":
        return True
    if name == "key":
        # "privateKey: Unsupported format" goes on as a sentence; a key holds more than letters.
        return " " not in bare and not (bare.isalpha() and _SENTENCE.match(low, found.end()))
    if name.startswith(("pass", "pwd", "secret")):
        return " " not in bare or name.startswith("pass")
    if found["close"][:1] in ("'", '"', "\\") and value[0] in "\"'\\":
        return True
    return len(bare) > 5 and " " not in bare and not bare.replace("_", "").isalpha()


def _spoken_span(found: re.Match[str]) -> _Span | None:
    if found.string.startswith("unexpected ", max(0, found.start() - 11)):
        return None
    if found["quoted"]:
        return None if found["quoted"] in _PLAIN else found.span("quoted")
    is_random = _RANDOM.search(found.string, *found.span("value"))
    return found.span("value") if is_random else None


def _family(needle: str, pattern: str, judge: _Judge) -> _Family:
    return needle, re.compile(pattern), judge


def _named_families(mark: str, gap: str) -> tuple[_Family, ...]:
    return tuple(
        _family(
            name,
            rf"(?P<name>{name}{rest}){_BEFORE_MARK}(?P<mark>{mark}){gap}\\?",
            _named_span,
        )
        for name, rest in _NAMES
    )


_FAMILIES: tuple[tuple[str, tuple[_Family, ...]], ...] = (
    (
        "/",
        (
            _family("://", r"://(?P<value>[^\s\"'<>]+)", _userinfo_span),
            _family("/bot", r"/bot(?P<value>\d{6,12}:[\w-]{20,})", _value_span),
            _family("/webhooks/", r"/webhooks/\d{1,30}/(?P<value>[^\s\"'<>]+)", _value_span),
            _family("/webhookb2/", r"/webhookb2/(?P<value>[^\s\"'<>]+)", _value_span),
            _family("hooks.slack.com/", r"hooks\.slack\.com/(?P<value>[^\s\"'<>]+)", _value_span),
        ),
    ),
    (
        "=",
        tuple(
            _family(f"{name}=", rf"{name}=(?<=[?&]{name}=)(?P<value>[^\s&\"'<>;#]+)", _value_span)
            for name in ("key", "code", "state", "hash", "auth", "sid")
        ),
    ),
    (":", (_family("cookie", r"cookie[\"']?\s?:\s?(?P<value>[^\n]+)", _value_span),)),
    *((sign, _named_families(mark, _SAME_LINE)) for sign, mark in _MARKS),
    (
        " ",
        (
            *(
                _family(
                    name, rf"(?P<name>{name}) {{1,3}}(?=(?P<value>[\w.~+/=:-]{{6,}}))", _scheme_span
                )
                for name in ("bearer", "basic", "digest", "apikey")
            ),
            _family("bot ", r"(?P<name>bot) (?P<value>[\w.-]{20,})", _bot_span),
            *(
                _family(name, f"{name}(?={_SPOKEN})", _spoken_span)
                for name in ("password", "passphrase", "secret", "api key", "token")
            ),
        ),
    ),
    # At last: where a setting is empty, what stands below it may be the name of another secret.
    ("\n", _named_families("|".join(mark for _, mark in _MARKS), _NEXT_LINE)),
)
