"""Which days count for an execution, by cases."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from executions.retention_policy import RetentionPolicy, Rule, statuses_by_cutoff

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
HERE, ELSEWHERE = UUID(int=1), UUID(int=2)


@pytest.mark.parametrize(
    ("rules", "days"),
    [
        pytest.param([], 7, id="the tenant's own"),
        pytest.param([Rule(30, status="error")], 30, id="of the status"),
        pytest.param([Rule(3, HERE)], 3, id="of the environment"),
        pytest.param([Rule(3, HERE), Rule(30, status="error")], 3, id="environment before status"),
        pytest.param([Rule(90, HERE, "error"), Rule(3, HERE)], 90, id="both before one"),
        pytest.param([Rule(1, ELSEWHERE), Rule(1, status="success")], 7, id="of others"),
    ],
)
def test_the_most_particular_rule_decides(rules, days):
    policy = RetentionPolicy(days=7, rules=tuple(rules))

    assert policy.days_of(HERE, "error") == days


def test_a_walk_goes_back_as_far_as_anything_is_kept():
    policy = RetentionPolicy(days=7, rules=(Rule(30, status="error"),))

    assert policy.oldest_cutoff(HERE, NOW) == NOW - timedelta(days=30)


def test_statuses_that_end_together_are_deleted_together():
    policy = RetentionPolicy(days=7, rules=(Rule(30, status="error"),))

    found = statuses_by_cutoff(policy.cutoffs(HERE, NOW))

    assert [(NOW - at, len(statuses)) for at, statuses in found] == [
        (timedelta(days=30), 1),
        (timedelta(days=7), 5),
    ]
