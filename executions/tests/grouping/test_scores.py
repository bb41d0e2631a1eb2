import zlib
from functools import cache

import pytest

from executions.grouping import fingerprint, words
from executions.grouping.rules.book import Book
from executions.grouping.rules.rule import all_rules
from executions.tests.grouping import learn
from executions.tests.grouping.messages import development_messages, filled_templates, labelled
from executions.tests.grouping.scoring import Labelled, score


def test_it_scores_a_hand_counted_case():
    rows = [
        Labelled("a", "1", "dns", "dns"),
        Labelled("a", "1", "dns", "tls"),
        Labelled("b", "2", "tls", "tls"),
        Labelled("c", "2", "tls", "tls"),
        Labelled("d", "3", "dns", "dns"),
        Labelled("d", "4", "dns", "dns"),
    ]

    scores = score(rows)

    assert scores.grouping_accuracy == pytest.approx(2 / 6)
    assert scores.group_f1 == pytest.approx(2 / 8)
    assert (scores.over_merge, scores.over_split) == (0.5, 0.25)
    assert scores.class_accuracy == pytest.approx(5 / 6)


def test_it_reaches_the_floors_on_the_development_messages():
    scores = score(labelled(development_messages()))

    assert scores.grouping_accuracy >= 0.95
    assert scores.class_accuracy >= 0.97
    assert scores.over_merge <= 0.01


@pytest.mark.parametrize(
    ("name", "least_grouped", "least_classified"),
    [
        ("well-known.txt", 0.97, 0.97),
        ("heard.txt", 0.97, 0.95),
        ("mixed.txt", 0.96, 0.97),
        ("tables.txt", 0.98, 0.95),
        ("nodes-and-services.txt", 0.93, 0.91),
        ("rare.txt", 0.95, 0.84),
        ("services.txt", 0.97, 0.91),
        ("frameworks.txt", 0.97, 0.91),
        ("assorted.txt", 0.96, 0.87),
        ("all-classes.txt", 0.98, 0.92),
        ("more-services.txt", 0.98, 0.92),
        ("last-look.txt", 0.98, 0.9),
        ("everyday.txt", 0.98, 0.94),
        ("far-services.txt", 0.98, 0.9),
        ("other-words.txt", 0.98, 0.93),
        ("sources.txt", 0.96, 0.9),
        ("by-heart.txt", 0.96, 0.97),
        ("public-code.txt", 0.96, 0.9),
        ("met-most.txt", 0.96, 0.96),
        ("last-blind.txt", 0.96, 0.93),
        ("met-again.txt", 0.96, 0.96),
        ("second-sources.txt", 0.96, 0.93),
        ("nodes-from-sources.txt", 0.98, 0.91),
        ("services-from-docs.txt", 0.97, 0.97),
        ("still-other-words.txt", 0.96, 0.95),
        ("nodes-in-other-words.txt", 0.96, 0.9),
        ("real-wordings.txt", 0.96, 0.96),
        ("met-once-more.txt", 0.98, 0.97),
        ("met-a-fourth-time.txt", 0.97, 0.97),
    ],
)
def test_it_reaches_the_floors_on_filled_templates(name, least_grouped, least_classified):
    scores = score(labelled(list(filled_templates(name))))

    assert scores.grouping_accuracy >= least_grouped
    assert scores.over_merge <= 0.016
    assert scores.class_accuracy >= least_classified


@pytest.mark.parametrize("half", [0, 1])
def test_it_generalises_to_messages_whose_rules_are_left_out(half, monkeypatch):
    kept = [rule for rule in all_rules() if zlib.crc32(rule.key.encode()) % 2 == half]
    use_rules(kept, monkeypatch)

    scores = score(labelled(development_messages()))

    assert scores.grouping_accuracy >= 0.88
    assert scores.group_f1 >= 0.84
    assert scores.over_merge <= 0.01
    assert scores.class_accuracy >= 0.93
    assert scores.macro_f1 >= 0.9


def test_it_groups_and_judges_by_masks_and_words_alone(monkeypatch):
    use_rules([], monkeypatch)

    scores = score(labelled(development_messages()))

    assert scores.grouping_accuracy >= 0.85
    assert scores.over_merge == 0
    assert scores.class_accuracy >= 0.93


def use_rules(rules, monkeypatch):
    """These rules alone, and weights that were learned without the others."""
    monkeypatch.setattr(fingerprint, "_BOOK", Book(rules))
    for remembered in (fingerprint._rule_of, fingerprint._class_within):
        monkeypatch.setattr(fingerprint, remembered.__name__, remembered.__wrapped__)
    learned = learn.learn([*samples(), *learn.rule_samples(rules)], rounds=3)
    monkeypatch.setattr(words, "_WEIGHTS", words.read_weights(learn.as_text(learned)))
    monkeypatch.setattr(words, "class_of", words.class_of.__wrapped__)


@cache
def samples():
    return tuple(learn.labelled_samples())
