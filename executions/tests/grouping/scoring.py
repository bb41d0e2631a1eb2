"""Measures of grouping and classifying against labelled messages.

A true group is right when some predicted group holds exactly its messages. Over-merging hides
errors and is the worse mistake, so it is counted by itself.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass


@dataclass(frozen=True)
class Labelled:
    true_group: str
    group: str
    true_class: str
    error_class: str


@dataclass(frozen=True)
class Scores:
    grouping_accuracy: float
    group_f1: float
    over_merge: float
    over_split: float
    class_accuracy: float
    macro_f1: float


def score(rows: list[Labelled]) -> Scores:
    true_groups, groups = defaultdict(set), defaultdict(set)
    for number, row in enumerate(rows):
        true_groups[row.true_group].add(number)
        groups[row.group].add(number)
    true_sets = {frozenset(members) for members in true_groups.values()}
    exact = [members for members in groups.values() if frozenset(members) in true_sets]
    return Scores(
        grouping_accuracy=sum(map(len, exact)) / len(rows),
        group_f1=2 * len(exact) / (len(groups) + len(true_groups)),
        over_merge=_over_merge(rows),
        over_split=_over_split(rows),
        class_accuracy=sum(row.true_class == row.error_class for row in rows) / len(rows),
        macro_f1=_macro_f1(rows),
    )


def _over_merge(rows: list[Labelled]) -> float:
    merged = defaultdict(set)
    for row in rows:
        merged[row.group].add(row.true_group)
    sharing = {group for together in merged.values() if len(together) > 1 for group in together}
    return len(sharing) / len({row.true_group for row in rows})


def _over_split(rows: list[Labelled]) -> float:
    parts = defaultdict(set)
    for row in rows:
        parts[row.true_group].add(row.group)
    return sum(len(groups) > 1 for groups in parts.values()) / len(parts)


def _macro_f1(rows: list[Labelled]) -> float:
    wanted = Counter(row.true_class for row in rows)
    given = Counter(row.error_class for row in rows)
    right = Counter(row.true_class for row in rows if row.true_class == row.error_class)
    return sum(2 * right[one] / (wanted[one] + given[one]) for one in wanted) / len(wanted)
