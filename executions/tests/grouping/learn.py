"""Learns the weights of words from every labelled message and from the examples of the rules.

    python3 -m executions.tests.grouping.learn

writes `executions/grouping/weights.txt`, within half a minute. It is multinomial logistic
regression by gradient descent. The development messages are left out: they measure.
"""

import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import replace

from executions.grouping.classes import CLASSES
from executions.grouping.fingerprint import evidence_of
from executions.grouping.rules.rule import Rule, all_rules
from executions.grouping.text import ErrorInput
from executions.grouping.words import WEIGHTS_FILE, circumstances, words
from executions.tests.grouping.messages import FOLDER, filled_templates

Sample = tuple[str, list[str]]
Weights = dict[str, dict[str, float]]

_HEAD = "// Signs, and how much each speaks for a class, in tenths. Learned: do not edit.\n"
_ROUNDS = 24
_STEP = 0.5
_LEAST_ERROR = 0.01
# So many signs of a message are left out each time, by chance: none shall be relied on alone.
_LEFT_OUT = 0.4
# Weights are written in tenths, and the slight ones not at all.
_SCALE = 10
_LEAST_WRITTEN = 4
_MOST_EXAMPLES = 2
# Where the node is the cause of its own texts, a text does not go without it.
_BOUND_TO_NODE = frozenset({"code", "database"})
# What an author says is known by its node, never by words.
_LEARNED = tuple(name for name in CLASSES if name != "user_defined")


def labelled_samples() -> Iterator[Sample]:
    for file in sorted(FOLDER.glob("*.txt")):
        groups = set()
        for message in filled_templates(file.name):
            if message.group in groups or message.error_class not in _LEARNED:
                continue
            groups.add(message.group)
            yield _sample(message.error_class, message.error)
            if message.error.node_type and message.error_class not in _BOUND_TO_NODE:
                bare = replace(message.error, node_type=None, http_code=None)
                yield _sample(message.error_class, bare)


def rule_samples(rules: Iterable[Rule]) -> Iterator[Sample]:
    for rule in rules:
        for example in rule.examples[:_MOST_EXAMPLES]:
            yield _sample(rule.error_class, ErrorInput(message=example))


def learn(samples: list[Sample], rounds: int = _ROUNDS) -> Weights:
    weights: Weights = {}
    chance = random.Random(1)
    for number in range(rounds):
        chance.shuffle(samples)
        for error_class, signs in samples:
            kept = [sign for sign in signs if chance.random() > _LEFT_OUT] or signs
            _correct(weights, error_class, kept, _STEP / (1 + number / 2))
    return weights


def as_text(weights: Weights) -> str:
    lines = []
    for sign, row in sorted(weights.items()):
        # What speaks for all classes alike speaks for none.
        middle = sum(row.values()) / len(_LEARNED)
        pairs = [(name, round((row.get(name, 0.0) - middle) * _SCALE)) for name in _LEARNED]
        kept = [(name, tenths) for name, tenths in pairs if abs(tenths) >= _LEAST_WRITTEN]
        kept.sort(key=lambda pair: (-pair[1], pair[0]))
        if kept:
            lines.append(" ".join([sign, *(f"{name} {tenths}" for name, tenths in kept)]))
    return _HEAD + "\n".join(lines) + "\n"


def _sample(error_class: str, error: ErrorInput) -> Sample:
    evidence = evidence_of(error)
    return error_class, sorted(words(evidence) | circumstances(evidence))


def _correct(weights: Weights, error_class: str, signs: list[str], step: float) -> None:
    rows = [weights.setdefault(sign, {}) for sign in signs]
    sums = dict.fromkeys(_LEARNED, 0.0)
    for row in rows:
        for name, weight in row.items():
            sums[name] += weight
    most = max(sums.values())
    powers = {name: math.exp(total - most) for name, total in sums.items()}
    whole = sum(powers.values())
    for name, power in powers.items():
        error = (name == error_class) - power / whole
        if abs(error) > _LEAST_ERROR:
            change = step * error / math.sqrt(len(rows))
            for row in rows:
                row[name] = row.get(name, 0.0) + change


if __name__ == "__main__":
    learned = learn([*labelled_samples(), *rule_samples(all_rules())])
    WEIGHTS_FILE.write_text(as_text(learned), "utf-8")
