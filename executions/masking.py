"""Makes data fit to be looked at: secrets hidden, and no more than a page holds (pure).

A value is hidden because its key names a secret, because a pair says so (a header's name and
value), or because the text itself is one. What is left out is counted and said.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from executions.grouping.secrets import SECRET, scrub

DEEPEST, MOST_KEYS, MOST_ITEMS, LONGEST_TEXT, LONGEST_KEY = 12, 100, 25, 4_000, 200
MOST_VALUES, MOST_CHARACTERS = 5_000, 256 * 1024

_NOT_LETTERS = re.compile(r"[^a-z0-9]")
_SECRET_KEY = re.compile(
    r"pass(word|wd|phrase|code)?$|passw|pwd|secret|token|apikey|accesskey|privatekey|signingkey"
    r"|encryptionkey|masterkey|authorization|^auth$|authkey|authheader|cookie|credential|bearer"
    r"|^session(id)?$|signature$|^sig$|^otp$|^pin$|^cvv$|^cvc$|resumeurl|connectionstring|^dsn$"
)
# Names that hold such a word and tell nothing: counts of tokens, how long one lasts.
_HARMLESS_KEY = re.compile(
    r"(tokens|tokenusage|tokencount|tokenlimit|tokentype|tokensperminute|cookiespolicy)$|expire"
)
_NAME_KEYS, _VALUE_KEYS = ("name", "key", "header"), ("value", "val")


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value without parts, as it is written in JSON; ``note`` says what was left out."""

    text: str
    kind: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Branch:
    """An object or list with the parts of it that are shown."""

    kind: str
    size: int
    parts: list[tuple[str, "Branch | Leaf"]]

    @property
    def left_out(self) -> int:
        return self.size - len(self.parts)


Shown = Branch | Leaf


@dataclass
class Masker:
    """Masks the values of one page within what a page may hold in all."""

    values: int = MOST_VALUES
    characters: int = MOST_CHARACTERS
    hidden: int = field(default=0, init=False)

    @property
    def is_full(self) -> bool:
        return self.values <= 0 or self.characters <= 0

    def show(self, value: object, *, is_secret: bool = False, depth: int = 0) -> Shown:
        """The value as it may be shown."""
        self.values -= 1
        if isinstance(value, (dict, list)):
            if depth >= DEEPEST:
                return Leaf("…", "cut", "nested too deeply to be shown")
            return self._branch(value, is_secret, depth)
        if value is None or isinstance(value, bool):
            return Leaf({None: "null", True: "true", False: "false"}[value], "word")
        if is_secret:
            self.hidden += 1
            return Leaf(SECRET, "hidden")
        return self._text(value) if isinstance(value, str) else Leaf(f"{value}"[:60], "number")

    def _text(self, value: str) -> Leaf:
        # Cut before it is searched, with room for a secret that stands on the edge.
        masked = scrub(value[: 2 * LONGEST_TEXT])
        self.hidden += masked.count(SECRET) - value.count(SECRET) if SECRET in masked else 0
        shown = masked[: max(0, min(LONGEST_TEXT, self.characters))]
        self.characters -= len(shown)
        rest = len(masked) - len(shown) + max(0, len(value) - 2 * LONGEST_TEXT)
        return Leaf(shown, "text", f"{rest:,} more characters" if rest else "")

    def _branch(
        self, value: dict[str, object] | list[object], is_secret: bool, depth: int
    ) -> Branch:
        kind = "object" if isinstance(value, dict) else "list"
        parts: list[tuple[str, Shown]] = []
        for label, part, hide in _parts(value, is_secret):
            if self.is_full:
                break
            self.characters -= len(label)
            parts.append((label, self.show(part, is_secret=hide, depth=depth + 1)))
        return Branch(kind, len(value), parts)


def _parts(
    value: dict[str, object] | list[object], is_secret: bool
) -> Iterator[tuple[str, object, bool]]:
    """Label, value and whether it is a secret, of as many parts as are shown."""
    if isinstance(value, list):
        for place, part in enumerate(value[:MOST_ITEMS]):
            yield str(place), part, is_secret
        return
    is_secret_pair = _names_secret(value)
    for key, part in list(value.items())[:MOST_KEYS]:
        hide = is_secret or names_secret(key) or (is_secret_pair and key.lower() in _VALUE_KEYS)
        yield scrub(key[:LONGEST_KEY]), part, hide


def names_secret(key: str) -> bool:
    """Whether what stands under this key is nobody's to read."""
    bare = _NOT_LETTERS.sub("", key[:LONGEST_KEY].lower())
    return bool(_SECRET_KEY.search(bare)) and not _HARMLESS_KEY.search(bare)


def _names_secret(value: Mapping[str, object]) -> bool:
    """Whether an object says by one of its values that another one is a secret."""
    names = (part for key, part in value.items() if key.lower() in _NAME_KEYS)
    return any(isinstance(name, str) and names_secret(name) for name in names)
