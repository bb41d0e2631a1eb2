"""The pure rule of group states, case by case."""

from datetime import UTC, datetime, timedelta

import pytest

from analytics.group_states import (
    FRESH,
    Change,
    Failures,
    ResolvedIn,
    Standing,
    State,
    change_of,
    old_versions,
)

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def standing(state, *, since=timedelta(0), seen=timedelta(0), **values):
    return Standing(state, NOW - since, NOW - seen, **values)


CASES = {
    "new stays new for a week": (standing(State.NEW, seen=FRESH - SECOND), Failures(), None),
    "new is ongoing after a week": (standing(State.NEW, seen=FRESH), Failures(), State.ONGOING),
    "regressed stays for a week": (
        standing(State.REGRESSED, since=FRESH - SECOND, seen=2 * FRESH), Failures(), None,
    ),
    "regressed is ongoing after a week": (
        standing(State.REGRESSED, since=FRESH), Failures(), State.ONGOING,
    ),
    "ongoing stays": (standing(State.ONGOING, seen=9 * FRESH), Failures(9, 9, [""]), None),
    "resolved stays while nothing fails": (
        standing(State.RESOLVED, since=9 * FRESH), Failures(), None,
    ),
    "resolved fails again": (
        standing(State.RESOLVED), Failures(versions=[""]), State.REGRESSED,
    ),
    "resolved fails in a version left behind": (
        standing(State.RESOLVED, old_versions=["v1"]), Failures(versions=["v1", "v1"]), None,
    ),
    "resolved fails in a later version": (
        standing(State.RESOLVED, old_versions=["v1"]), Failures(versions=["v1", "v2"]),
        State.REGRESSED,
    ),
    "resolved fails and names no version": (
        standing(State.RESOLVED, old_versions=["v1"]), Failures(versions=[""]), State.REGRESSED,
    ),
    "archived for good": (standing(State.ARCHIVED), Failures(10**6, 10**6), None),
    "archived until a time to come": (
        standing(State.ARCHIVED, until=NOW + SECOND), Failures(), None,
    ),
    "archived until now": (standing(State.ARCHIVED, until=NOW), Failures(), State.ONGOING),
    "archived until a count, not yet": (
        standing(State.ARCHIVED, until_count=3), Failures(count=2), None,
    ),
    "archived until a count": (
        standing(State.ARCHIVED, until_count=3), Failures(count=3), State.ONGOING,
    ),
    "archived until a rate, not yet": (
        standing(State.ARCHIVED, until_rate=3), Failures(count=99, in_last_hour=2), None,
    ),
    "archived until a rate": (
        standing(State.ARCHIVED, until_rate=3), Failures(in_last_hour=3), State.ONGOING,
    ),
    "archived until the first of two limits": (
        standing(State.ARCHIVED, until=NOW + FRESH, until_count=3), Failures(count=4),
        State.ONGOING,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("stands", "failures", "expected"), CASES.values(), ids=CASES)
def test_a_group_moves_by_itself(stands, failures, expected):
    change = change_of(stands, failures, NOW)

    assert (change.state if change else None) == expected


def test_a_change_says_why():
    stands = standing(State.RESOLVED, old_versions=["v1"])

    change = change_of(stands, Failures(versions=["v2"]), NOW)

    assert change == Change(State.REGRESSED, "It failed in version v2 after it was resolved.")


@pytest.mark.parametrize(
    ("resolved_in", "expected"),
    [
        (ResolvedIn.NOW, []),
        (ResolvedIn.CURRENT, ["v1"]),
        (ResolvedIn.NEXT, ["v1", "v2", "v3"]),
    ],
)
def test_a_resolution_leaves_versions_behind(resolved_in, expected):
    failed, current = ["v1", "v2", ""], ["v2", "v3"]

    assert old_versions(resolved_in, failed, current) == expected
