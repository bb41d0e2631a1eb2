"""A limit that lets a whole minute's calls come at once, and then one as each has its turn."""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from django.core.cache import cache
from hypothesis import given
from hypothesis import strategies as st

from tenants.ids import uuid7
from tenants.throttling import CallerThrottle


class Clock:
    """What the limit takes for the time."""

    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


class Caller:
    """One token that calls, with a limit of so many a minute."""

    def __init__(self, rate, clock):
        self.rate, self.clock = rate, clock
        self.request = SimpleNamespace(auth=SimpleNamespace(pk=uuid7()), user=None)

    def call(self):
        """The seconds that it is told to wait; None where it is let in."""
        limit = CallerThrottle()
        limit.rate, limit.timer = self.rate, self.clock
        limit.num_requests, limit.duration = limit.parse_rate(self.rate)
        return None if limit.allow_request(self.request, None) else limit.wait()


@pytest.fixture
def clock():
    return Clock()


def test_so_many_calls_may_come_at_once_and_no_more(clock):
    caller = Caller("3/min", clock)

    assert [caller.call() for _ in range(4)] == [None, None, None, 20]


def test_a_refused_caller_is_let_in_once_its_turn_has_come(clock):
    caller = Caller("3/min", clock)
    for _ in range(3):
        caller.call()
    clock.now += 19.9
    early = caller.call()
    clock.now += 0.1

    assert early == pytest.approx(0.1)
    assert caller.call() is None
    assert caller.call() == pytest.approx(20)


def test_who_did_not_call_for_a_minute_has_all_calls_again(clock):
    caller = Caller("2/min", clock)
    caller.call(), caller.call()
    clock.now += 60

    assert [caller.call() for _ in range(3)] == [None, None, 30]


def test_two_tokens_at_one_address_do_not_share_a_limit(clock):
    first, second = Caller("1/min", clock), Caller("1/min", clock)
    first.call()

    assert second.call() is None
    assert first.call() == 60


def test_whatever_else_the_cache_holds_counts_as_nothing(clock):
    caller = Caller("1/min", clock)
    cache.set(f"calls:{caller.request.auth.pk}", ["not", "a", "moment"])

    assert caller.call() is None


def test_calls_at_the_same_moment_are_each_counted(clock):
    caller = Caller("3/min", clock)

    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(lambda _: caller.call(), range(8)))

    assert told.count(None) == 3


@given(pauses=st.lists(st.floats(0, 30), max_size=60))
def test_no_stretch_of_time_sees_more_than_its_share_and_one_burst(pauses):
    clock = Clock()
    caller, let_in = Caller("5/min", clock), []
    for pause in pauses:
        clock.now += pause
        if caller.call() is None:
            let_in.append(clock.now)

    for first, since in enumerate(let_in):
        for count, until in enumerate(let_in[first:], start=1):
            assert count <= 5 + (until - since) / 12 + 1e-6
