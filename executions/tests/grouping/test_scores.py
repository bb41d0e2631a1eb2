import pytest

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


@pytest.mark.parametrize("name", ["nodes-and-services.txt", "well-known.txt", "heard.txt"])
def test_it_reaches_the_floors_on_filled_templates(name):
    scores = score(labelled(list(filled_templates(name))))

    assert scores.grouping_accuracy >= 0.9
    assert scores.group_f1 >= 0.86
    assert scores.over_merge <= 0.016
    assert scores.class_accuracy >= 0.9
    assert scores.macro_f1 >= 0.9
