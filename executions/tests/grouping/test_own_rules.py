"""A tenant's own rules: texts and globs, in time linear in the message."""

import pytest

from executions.grouping.fingerprint import classify
from executions.grouping.own_rules import OwnRule, fingerprint_of, matches, regrouped
from executions.grouping.text import ErrorInput


def rule(pattern, *, is_glob=False, **values):
    return OwnRule(**{"id": "r1", "name": "Shop", **values}, pattern=pattern, is_glob=is_glob)


@pytest.mark.parametrize(
    ("pattern", "is_glob", "message", "expected"),
    [
        ("order", False, "The ORDER 7 is gone", True),
        ("order‘s", False, "The order's gone", True),
        ("order  7", False, "order\n7", True),
        ("ord*", False, "The order", False),
        ("the *", True, "The order", True),
        ("order", True, "The order", False),
        ("*order*", True, "The order is gone", True),
        ("a*a", True, "a", False),
        ("a*b*c", True, "a-c-b", False),
        ("a*b*c", True, "a--b--c", True),
        ("*ab*b", True, "ab", False),
        ("*", True, "", True),
    ],
)
def test_a_rule_finds_its_messages(pattern, is_glob, message, expected):
    assert matches(rule(pattern, is_glob=is_glob), message) is expected


def test_the_first_rule_that_matches_makes_the_group():
    found = classify(ErrorInput(message="Order 7 was refused by the shop"))

    group = regrouped(found, [rule("mail"), rule("shop", error_class="quota"), rule("order")])

    assert group.fingerprint == fingerprint_of("r1")
    assert (group.template, group.error_class, group.rule_key) == ("Shop", "quota", None)


def test_without_a_match_or_a_class_of_its_own_the_rest_stays():
    found = classify(ErrorInput(message="connect ECONNREFUSED 10.0.0.1:5432"))

    assert regrouped(found, [rule("shop")]) == found
    assert regrouped(found, [rule("econnrefused")]).error_class == "connection"


def test_many_stars_against_a_long_message_take_no_other_way_back():
    pattern, message = "*".join("a" * 200), "a" * 150 + "b" * 8000

    assert not matches(rule(pattern, is_glob=True), message)
