"""What the commands `classify_errors` and `suggest_error_rules` do, on lines of text alone."""

import io
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from executions.grouping.fingerprint import Grouping, classify
from executions.grouping.masks import VALUE
from executions.grouping.text import ErrorInput

# Templates of one length are one cluster when this share of their words is equal.
_ALIKE = 0.6
_MOST_SAMPLES = 3
_LONGEST_SAMPLE = 300


class InvalidLine(ValueError):
    """A line of the input is not what it has to be; the text is a sentence for people."""


@dataclass(frozen=True, slots=True)
class ErrorLine:
    id: object
    error: ErrorInput


@dataclass(slots=True)
class Cluster:
    """Messages that no rule knows and that read alike."""

    words: list[str]
    count: int = 0
    templates: int = 0
    error_class: str = ""
    samples: list[str] = field(default_factory=list)

    @property
    def pattern(self) -> str:
        return " ".join("{}" if word == VALUE else word for word in self.words)


def standard_input() -> TextIO:
    """Standard input that takes broken bytes for what they are: part of somebody's message."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")
    return sys.stdin


def read_lines(lines: Iterable[str]) -> Iterator[ErrorLine]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _read_line(number, line)


def classify_lines(lines: Iterable[str]) -> Iterator[str]:
    """For each line `{"id", "message", …}` one line `{"id", "group", "class"}`."""
    for one in read_lines(lines):
        grouping = classify(one.error)
        answer = {"id": one.id, "group": grouping.fingerprint, "class": grouping.error_class}
        yield json.dumps(answer)


def suggest(lines: Iterable[str], *, every_unruled: bool = False) -> list[Cluster]:
    """Clusters among the messages of unknown class, or among all that no rule knows."""
    counts: Counter[str] = Counter()
    firsts: dict[str, Grouping] = {}
    for one in read_lines(lines):
        grouping = classify(one.error)
        is_wanted = every_unruled or grouping.error_class == "unknown"
        if grouping.rule_key is None and is_wanted and grouping.error_class != "user_defined":
            counts[grouping.template] += 1
            firsts.setdefault(grouping.template, grouping)
    clusters: list[Cluster] = []
    for template, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        _put(clusters, firsts[template], count)
    return sorted(clusters, key=lambda cluster: (-cluster.count, cluster.words))


def suggestion_lines(clusters: Iterable[Cluster]) -> Iterator[str]:
    """The clusters as they could stand in a file of rules."""
    for cluster in clusters:
        yield (
            f"# messages: {cluster.count}, wordings: {cluster.templates},"
            f" class now: {cluster.error_class}"
        )
        yield cluster.pattern
        yield from (f"    > {sample}" for sample in cluster.samples)


def _read_line(number: int, line: str) -> ErrorLine:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as problem:
        raise InvalidLine(f"Line {number} is not JSON ({problem}).") from problem
    if not isinstance(row, dict) or "message" not in row:
        raise InvalidLine(f'Line {number} has to be an object with "id" and "message".')
    node_type = row.get("node_type")
    error = ErrorInput(
        message=row["message"],
        description=row.get("description"),
        http_code=row.get("http_code"),
        name=row.get("name"),
        node_type=node_type if isinstance(node_type, str) else None,
        status=str(row.get("status") or "error"),
    )
    return ErrorLine(row.get("id"), error)


def _put(clusters: list[Cluster], grouping: Grouping, count: int) -> None:
    words = grouping.template.split()
    cluster = next((one for one in clusters if _are_alike(one.words, words)), None)
    if cluster is None:
        cluster = Cluster(list(words), error_class=grouping.error_class)
        clusters.append(cluster)
    cluster.words = [
        old if old == new else VALUE for old, new in zip(cluster.words, words, strict=True)
    ]
    cluster.count += count
    cluster.templates += 1
    if len(cluster.samples) < _MOST_SAMPLES:
        cluster.samples.append(" ".join(grouping.text.split())[:_LONGEST_SAMPLE])


def _are_alike(words: Sequence[str], others: Sequence[str]) -> bool:
    if len(words) != len(others):
        return False
    equal = sum(one == other for one, other in zip(words, others, strict=True))
    return equal >= _ALIKE * len(words)
