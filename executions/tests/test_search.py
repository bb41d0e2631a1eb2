"""The language of the search box."""

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from executions.search import (
    COMPARISONS,
    LONGEST,
    LONGEST_VALUE,
    UNITS,
    WORDS,
    SearchFault,
    Term,
    parse,
    parse_length,
    write,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def parsed(text: str) -> tuple[Term, ...]:
    return parse(text, now=NOW, zone=UTC)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", ()),
        ("status:error", (Term("status", "error"),)),
        ("STATUS:Error", (Term("status", "error"),)),
        ('workflow:"Order sync"', (Term("workflow", "Order sync"),)),
        (r'workflow:"say \"hi\" \\ now"', (Term("workflow", r'say "hi" \ now'),)),
        ("duration:>30s", (Term("duration", "30s", ">"),)),
        ("started:<=now-2h", (Term("started", "now-2h", "<="),)),
        ("-mode:manual", (Term("mode", "manual", is_negated=True),)),
        ("fire alarm", (Term("", "fire"), Term("", "alarm"))),
        ('"fire alarm"', (Term("", "fire alarm"),)),
        ("-fire", (Term("", "fire", is_negated=True),)),
        ('-"fire alarm"', (Term("", "fire alarm", is_negated=True),)),
        ("127.0.0.1:443", (Term("", "127.0.0.1:443"),)),
        ('"http://host"', (Term("", "http://host"),)),
        ("a - b", (Term("", "a"), Term("", "-"), Term("", "b"))),
        ("fire fire", (Term("", "fire"),)),
        ("node:a:b", (Term("node", "a:b"),)),
    ],
)
def test_a_text_is_read_as_tokens(text: str, terms: tuple[Term, ...]) -> None:
    assert parsed(text) == terms


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("colour:red", "“colour:” is not a word of the search; there are: status, workflow"),
        ("http://host", 'For a text with a colon write "http:…"'),
        ("status:failed", "“status:failed”: “failed” is not one of: success, error"),
        ("class:sad", "“sad” is not one of: timeout"),
        ("status:", "names nothing; write for example status:error"),
        ('""', "names nothing"),
        ('workflow:"Order', 'The quote that begins at “"Order” has no end.'),
        ("duration:30s", "“duration:30s” needs one of >=, <=, >, <; write for example duration:>"),
        ("duration:>30", "“30” is not a duration; write 250ms, 30s"),
        ("duration:>9999999999d", "longer than anything lasts"),
        ("-duration:>3s", "turn the comparison round instead"),
        ("started:>yesterday", "“yesterday” is not a time; write"),
        ("mode:>manual", "compares what has no size"),
        ("workflow:*a*b*c*d*", "more than 4 stars"),
        ("x" * (LONGEST_VALUE + 1), "longer than 200 characters"),
        ("x " * LONGEST, "up to 1000 characters"),
        (" ".join(f"x{n}" for n in range(31)), "up to 30 tokens"),
        ("a\0b", "characters that no text has"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(SearchFault) as fault:
        parsed(text)

    assert sentence in str(fault.value)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("250ms", 250), ("30s", 30_000), ("1.5m", 90_000), ("2h", 7_200_000), ("1d", 86_400_000)],
)
def test_durations_have_units(text: str, milliseconds: int) -> None:
    assert parse_length(text) == milliseconds


def test_every_example_that_the_help_gives_can_be_searched() -> None:
    for name, word in WORDS.items():
        (term,) = parsed(word.example)
        assert term.name == name


def values_of(name: str) -> st.SearchStrategy[str]:
    if WORDS[name].values:
        return st.sampled_from(WORDS[name].values)
    if name == "duration":
        return st.builds(lambda n, u: f"{n}{u}", st.integers(0, 999), st.sampled_from(list(UNITS)))
    if name == "started":
        return st.sampled_from(["now", "now-2h", "2026-03-01", "2026-03-01T09:00:00Z"])
    return TEXTS


TEXTS = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\0*"), min_size=1, max_size=30
).filter(str.strip)


@st.composite
def some_terms(draw: st.DrawFn) -> Term:
    name = draw(st.sampled_from(["", *WORDS]))
    if not name:
        return Term("", draw(TEXTS), is_negated=draw(st.booleans()))
    value = draw(values_of(name))
    if WORDS[name].is_compared:
        return Term(name, value, draw(st.sampled_from(COMPARISONS)))
    return Term(name, value, is_negated=draw(st.booleans()))


@given(st.lists(some_terms(), max_size=8, unique=True))
def test_what_is_written_is_read_back(terms: list[Term]) -> None:
    text = write(terms)

    if len(text) <= LONGEST:
        assert parsed(text) == tuple(terms)


@given(st.text(max_size=80) | st.text(alphabet=' "-\\:<>=*abstu\n', max_size=60))
@example('-"')
@example("status:>")
@example('"\\')
def test_any_text_is_read_or_refused_in_its_own_words(text: str) -> None:
    try:
        terms = parsed(text)
    except SearchFault:
        return

    assert parsed(write(terms)) == terms
    assert write(parsed(write(terms))) == write(terms)
