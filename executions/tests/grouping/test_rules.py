import re
from collections import Counter

import pytest

from executions.grouping.classes import CLASSES
from executions.grouping.fingerprint import GROUPING_VERSION, classify, hint_for
from executions.grouping.masks import VALUE, WILD, WILDS
from executions.grouping.rules.book import Book, compile_pattern
from executions.grouping.rules.rule import Rule, all_rules, read_rules
from executions.grouping.text import ErrorInput

RULES = all_rules()


def test_it_knows_each_example_of_each_rule():
    missed = [
        (example, rule.key, found.rule_key, found.error_class)
        for rule in RULES
        for example in rule.examples
        if (found := classify(ErrorInput(message=example))).rule_key != rule.key
        or found.error_class != rule.error_class
    ]

    assert missed == []


def test_it_has_an_example_for_each_rule():
    assert [rule.key for rule in RULES if not rule.examples] == []


def test_it_names_each_rule_once_and_by_a_known_class():
    keys = Counter(rule.key for rule in RULES)

    assert [key for key, count in keys.items() if count > 1] == []
    assert {rule.error_class for rule in RULES} <= set(CLASSES)


def test_it_has_no_pattern_twice():
    patterns = Counter(compile_pattern(text) for rule in RULES for text in rule.patterns)

    assert [" ".join(tokens) for tokens, count in patterns.items() if count > 1] == []


def test_it_gives_hints_where_a_rule_has_one():
    assert "without" not in hint_for("resource.crashed_silently")
    assert hint_for("resource.crashed_silently").startswith("The process that ran it ended")
    assert hint_for("dns.enotfound") == hint_for(None) == ""


def test_it_reads_named_rules_and_single_patterns():
    text = """
joined
    one {}
    two
    > one 5
    ! Look.
each
    three
    four {v}
    > four 'a'
"""

    rules = list(read_rules(text, "data"))

    assert rules == [
        Rule("data.joined", ("one {}", "two"), ("two", "one 5"), "Look."),
        Rule("data.three", ("three",), ("three",)),
        Rule("data.four-_", ("four {v}",), ("four 'a'",)),
    ]


@pytest.mark.parametrize(
    ("pattern", "message", "fits"),
    [
        ("table {} is full", "Table 'orders' is full!", True),
        ("table {} is full", "table orders is full", True),
        ("table {} is full", "table is full", False),
        ("table {} is full", "the table orders is full", False),
        ("{v} is full", "orders is full", False),
        ("{v} is full", "'orders' is full", True),
        ("no {*} left", "no room at all left", True),
        ("no {*} left", "no left", False),
        ("no {*} left on {*}", "no room left on the disk", True),
        ("no {*} left on {*}", "no room left on", False),
    ],
)
def test_it_matches_whole_messages(pattern, message, fits):
    book = Book([Rule("data.x", (pattern,), ())])

    assert (book.whole(compile_pattern(message)) is not None) is fits


def test_it_prefers_the_rule_with_more_words_of_its_own():
    wide, narrow = Rule("data.wide", ("no {*}",), ()), Rule("data.narrow", ("no {} left",), ())

    for rules in ([wide, narrow], [narrow, wide]):
        assert Book(rules).whole(("no", "room", "left")) is narrow


def test_it_refuses_a_pattern_of_placeholders_alone():
    with pytest.raises(ValueError, match=re.escape("rule data.x has no word of its own")):
        Book([Rule("data.x", ("{} {*}",), ())])


def test_it_keeps_the_version_within_a_small_number():
    assert 0 < GROUPING_VERSION < 32768


def test_it_has_no_pattern_in_which_a_quoted_word_became_any_value():
    """Written for `pairedItem` it would take every other "Invalid …" too."""
    common = ("is", "in", "not", "a", "valid", "invalid", "error", "expected")
    telling_nothing = {VALUE, WILD, WILDS, *common}
    patterns = [compile_pattern(text) for rule in RULES for text in rule.patterns]
    found = [tokens for tokens in patterns if VALUE in tokens and telling_nothing >= {*tokens}]

    assert found == []
