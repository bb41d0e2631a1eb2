"""One known error, and how rules are read from their files."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent
LONGEST_SLUG = 200


@dataclass(frozen=True, slots=True)
class Rule:
    key: str
    patterns: tuple[str, ...]
    examples: tuple[str, ...]
    hint: str = ""

    @property
    def error_class(self) -> str:
        return self.key.partition(".")[0]


def read_rules(text: str, error_class: str) -> Iterator[Rule]:
    """The rules of one file, in their order; a pattern without placeholders is an example too."""
    for name, *lines in _blocks(text):
        if name == "each":
            for pattern, *more in _blocks("\n".join(lines), _starts_pattern):
                yield _rule(f"{error_class}.{_slug(pattern)}", [pattern, *more])
        else:
            yield _rule(f"{error_class}.{name}", lines)


def _rule(key: str, lines: list[str]) -> Rule:
    patterns = tuple(line for line in lines if _starts_pattern(line))
    plain = tuple(pattern for pattern in patterns if "{" not in pattern)
    examples = tuple(line[1:].strip() for line in lines if line[0] == ">")
    hint = " ".join(line[1:].strip() for line in lines if line[0] == "!")
    return Rule(key, patterns, plain + examples, hint)


def _starts_pattern(line: str) -> bool:
    return line[0] not in ">!"


def _slug(pattern: str) -> str:
    marked = pattern.lower().replace("{*}", " __ ").replace("{v}", " _ ").replace("{}", " _ ")
    return "-".join(re.findall("[a-z0-9_]+", marked))[:LONGEST_SLUG].rstrip("-")


def all_rules() -> tuple[Rule, ...]:
    """Every rule, in the order of file names and lines: the same on every machine."""
    files = sorted(_FOLDER.glob("*.txt"))
    return tuple(
        rule
        for file in files
        for rule in read_rules(file.read_text("utf-8"), file.stem.partition("-")[0])
    )


def _starts_block(line: str) -> bool:
    return line[0] != " "


def _blocks(text: str, starts: Callable[[str], bool] = _starts_block) -> Iterator[list[str]]:
    block: list[str] = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if starts(line) and block:
            yield block
            block = []
        block.append(line.strip())
    if block:
        yield block
