"""Finds the rule for a template without trying every rule.

A pattern becomes a tuple of tokens. It is filed under its rarest token, so that only patterns that
share a word with the message are tried. Matching walks the tokens once per candidate and never
goes back, so its time is bounded by candidates times tokens.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from executions.grouping.masks import VALUE, WILD, WILDS, mask
from executions.grouping.rules.rule import Rule

_Compile = Callable[[str], tuple[str, ...]]
_HOLES = frozenset({WILD, WILDS, VALUE})


@dataclass(frozen=True, slots=True)
class Pattern:
    """`rank` orders patterns: more words of its own first, among equals the earlier one."""

    order: int
    rank: tuple[int, int]
    rule: Rule
    tokens: tuple[str, ...]
    own_words: int
    anchor: str
    offset: int
    has_run: bool

    def fits(self, tokens: Sequence[str]) -> bool:
        """Whether the whole message reads like this."""
        if not self.has_run:
            return len(tokens) == len(self.tokens) and _same(self.tokens, tokens, 0)
        return _fits_with_runs(self.tokens, tokens)

    def is_within(self, tokens: Sequence[str], place: int) -> bool:
        """Whether a part of the message reads like this; the anchor is at this place first."""
        if self.has_run:
            return _find_parts(self.tokens, tokens)
        last_start = len(tokens) - len(self.tokens)
        while True:
            start = place - self.offset
            if 0 <= start <= last_start and _same(self.tokens, tokens, start):
                return True
            if self.anchor not in tokens[place + 1 :]:
                return False
            place = tokens.index(self.anchor, place + 1)


def compile_pattern(text: str) -> tuple[str, ...]:
    tokens: list[str] = []
    marked = text.replace("{v}", VALUE).replace("{*}", WILDS).replace("{}", WILD)
    for token in mask(marked).tokens:
        if tokens and token in _HOLES and tokens[-1] in _HOLES:
            # Neighbouring values are one placeholder in a message, a value and a word are two.
            tokens[-1] = WILDS
        else:
            tokens.append(token)
    return tuple(tokens)


class Book:
    def __init__(self, rules: Iterable[Rule], compiled: _Compile = compile_pattern) -> None:
        self.rules = tuple(rules)
        self._index: dict[str, list[Pattern]] = defaultdict(list)
        compiled_rules = [(rule, compiled(text)) for rule in self.rules for text in rule.patterns]
        counts = Counter(word for _, tokens in compiled_rules for word in set(_words(tokens)))
        for order, (rule, tokens) in enumerate(compiled_rules):
            pattern = _pattern(order, rule, tokens, counts)
            self._index[pattern.anchor].append(pattern)

    def whole(self, tokens: Sequence[str]) -> Rule | None:
        """The rule that the whole message follows."""
        best: Pattern | None = None
        for patterns, _ in self._candidates(tokens):
            for pattern in patterns:
                if (best is None or pattern.rank < best.rank) and pattern.fits(tokens):
                    best = pattern
        return best.rule if best else None

    def within(self, tokens: Sequence[str], fewest_words: int) -> Rule | None:
        """The rule that a part of the message follows, with at least so many own words."""
        best: Pattern | None = None
        for patterns, place in self._candidates(tokens):
            for pattern in patterns:
                if pattern.own_words < fewest_words or (best and pattern.rank > best.rank):
                    continue
                if pattern.is_within(tokens, place):
                    best = pattern
        return best.rule if best else None

    def first_within(self, tokens: Sequence[str]) -> Rule | None:
        """The first rule whose phrase is in the message, however short."""
        best: Pattern | None = None
        for patterns, place in self._candidates(tokens):
            for pattern in patterns:
                if best and pattern.order > best.order:
                    break
                if pattern.is_within(tokens, place):
                    best = pattern
                    break
        return best.rule if best else None

    def _candidates(self, tokens: Sequence[str]) -> Iterator[tuple[list[Pattern], int]]:
        """The patterns filed under each token, and where the token stands first."""
        index = self._index
        seen: set[str] = set()
        for place, token in enumerate(tokens):
            if token in index and token not in seen:
                seen.add(token)
                yield index[token], place


def _pattern(order: int, rule: Rule, tokens: tuple[str, ...], counts: Counter[str]) -> Pattern:
    words = _words(tokens)
    if not words:
        raise ValueError(f"The pattern of rule {rule.key} has no word of its own.")
    is_open = tokens[0] in _HOLES or tokens[-1] in _HOLES
    anchor = min(words, key=lambda word: (counts[word], -len(word), word))
    return Pattern(
        order=order,
        rank=(-len(words), order),
        rule=rule,
        tokens=tokens,
        # Open at an end it says less inside another message.
        own_words=len(words) - 2 if is_open else len(words),
        anchor=anchor,
        offset=tokens.index(anchor),
        has_run=WILDS in tokens,
    )


def _words(tokens: Sequence[str]) -> list[str]:
    return [token for token in tokens if token not in _HOLES]


def _same(pattern: Sequence[str], tokens: Sequence[str], start: int) -> bool:
    for place, wanted in enumerate(pattern, start):
        if wanted != tokens[place] and wanted != WILD:
            return False
    return True


def _find(part: Sequence[str], tokens: Sequence[str], start: int) -> int:
    for place in range(start, len(tokens) - len(part) + 1):
        if _same(part, tokens, place):
            return place
    return -1


def _parts(pattern: Sequence[str]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for token in pattern:
        if token == WILDS:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _fits_with_runs(pattern: Sequence[str], tokens: Sequence[str]) -> bool:
    first, *middle, last = _parts(pattern)
    if len(tokens) < len(pattern) or not _same(first, tokens, 0):
        return False
    end = len(tokens) - len(last)
    if not _same(last, tokens, end):
        return False
    place = len(first)
    for part in middle:
        place = _find(part, tokens[:end], place + 1)
        if place < 0:
            return False
        place += len(part)
    return place < end


def _find_parts(pattern: Sequence[str], tokens: Sequence[str]) -> bool:
    place = -1
    for part in _parts(pattern):
        if not part:
            place += 1
            continue
        place = _find(part, tokens, max(0, place + 1))
        if place < 0:
            return False
        place += len(part) - 1
    return place < len(tokens)
