"""The effort for the worst texts is bounded: by the shape of the patterns and by counted steps.

Clocks are asked only in the slow tests, which want a machine of their own.
"""

import importlib
import pkgutil
import re
import sys
import time
from itertools import chain

import pytest

import executions.grouping
from executions.grouping.fingerprint import classify_anew
from executions.grouping.text import ErrorInput
from executions.tests.grouping.messages import development_messages

SIZE = 8192
_REPEATS = (re._constants.MAX_REPEAT, re._constants.MIN_REPEAT)
_MOST_NESTED_STEPS = 20_000
# A piece is repeated up to the size: what scanners, maskers and unwrappers like least.
WORST = (
    "a", "A", "1", "(", "[", "{", '{"a":', '"', "'", "' ", "\" '", "'a ", "`", "\\\"", "\\", "1 ",
    "a ", "a1 ", "a.b", "a_b ", "aB ", "://", "http://a ", "://a:b@", "pwd=", "pwd=a ", "key=",
    "token: x1 ", "pass\n", "password=\n", "xauth=", 'auth:"', "auth:' ", "bearer ", "?key=a",
    "bearer bearer ", 'token "a', "pass", "<a", "<a>",
    "</a> ", "<title>", "Error: ", "404 ", "\n at", "\n    at ", "{{", "{{a}} ", "‘", "“a” ", "«",
    "[line 1] ", "[item 0", "not found ", "invalid value must be ", "column does not exist ", "😀",
    "é ", '"message":"x",', "x=1&", "@", "a@b.c ", "-----BEGIN PRIVATE KEY-----", "eyJ", "eyJa.",
    "sk-", "::", "/", "_", "-", "access denied for user x ", "the model error user table column ",
    "key a1bcdefg ", "ER_A: ", "Problem in node 'a", "[hidden]", "<*> ", "zzwild ", "İ", "\x00",
    " ", "\n", "SSL routines:", "status code 404 ", "response: a_b ", "$", "%3d", "cookie: ",
)  # fmt: skip


def modules():
    for found in pkgutil.walk_packages(executions.grouping.__path__, "executions.grouping."):
        yield importlib.import_module(found.name)


def patterns_in(value, depth=0):
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, tuple | list | frozenset) and depth < 6:
        for item in value:
            yield from patterns_in(item, depth + 1)


def all_patterns():
    found = chain.from_iterable(
        patterns_in(value) for module in modules() for value in vars(module).values()
    )
    return sorted({(pattern.pattern, pattern.flags) for pattern in found})


def repeats_in(tree, around=()):
    """For each repetition the greatest counts of those around it and its own."""
    for operation, argument in tree:
        inner = around
        if operation in _REPEATS:
            inner = (*around, argument[1])
            yield inner
        for part in subtrees(argument):
            yield from repeats_in(part, inner)


def subtrees(argument):
    if isinstance(argument, re._parser.SubPattern):
        yield argument
    elif isinstance(argument, tuple | list):
        for part in argument:
            yield from subtrees(part)


def nested_steps(pattern, flags):
    return max(
        (steps(counts) for counts in repeats_in(re._parser.parse(pattern, flags))), default=0
    )


def steps(counts):
    """How often the innermost can be tried: an optional part is none, one endless part is one."""
    many = [count for count in counts if count > 1]
    if len(many) < 2:
        return 0
    product = 1
    for count in many:
        product *= count
    return product


def test_it_finds_the_patterns():
    assert len(all_patterns()) > 80


@pytest.mark.parametrize(
    ("pattern", "is_bad"),
    [("(a+)+", True), ("(?:a*b)*", True), ("(a{1,300}){1,300}", True), ("(?:ab+)?c", False)],
)
def test_it_recognises_bad_patterns(pattern, is_bad):
    assert (nested_steps(pattern, 0) > _MOST_NESTED_STEPS) is is_bad


def test_it_has_no_pattern_that_can_backtrack_badly():
    bad = [one for one in all_patterns() if nested_steps(*one) > _MOST_NESTED_STEPS]

    assert bad == []


def calls_of(text):
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    error = ErrorInput(message=text)
    classify_anew(error)
    sys.setprofile(count)
    try:
        classify_anew(error)
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("piece", WORST)
def test_it_takes_few_steps_for_the_worst_texts(piece):
    text = (piece * SIZE)[:SIZE]

    assert calls_of(text) < 6000
    assert calls_of(text * 40) < 6000


@pytest.mark.slow
@pytest.mark.parametrize("piece", WORST)
def test_it_takes_a_millisecond_for_the_worst_texts(piece):
    error = ErrorInput(message=(piece * SIZE)[:SIZE])

    assert best_seconds(lambda: classify_anew(error), 60) < 0.001


@pytest.mark.slow
def test_it_classifies_fifteen_thousand_messages_a_second_without_its_memory():
    errors = [message.error for message in development_messages()]

    seconds = best_seconds(lambda: [classify_anew(error) for error in errors], 60)

    assert len(errors) / seconds > 15_000


def best_seconds(work, tries):
    best = float("inf")
    for _ in range(tries):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best
