"""Workers die at random instants of a load; at the end both sides are the same."""

import os

import pytest

from executions.tests.faults.trial import Plan, try_seed

pytestmark = pytest.mark.processes
SEEDS = int(os.environ.get("KILL_SUITE_SEEDS", "20"))
EXECUTIONS = int(os.environ.get("KILL_SUITE_EXECUTIONS", "50000"))
KILLS = int(os.environ.get("KILL_SUITE_KILLS", "20"))


def assert_nothing_lost(outcome, stage):
    print(outcome, flush=True)  # noqa: T201 - the log of the long form
    assert not outcome.difference, (outcome.difference, stage.logs()[-4000:])
    assert outcome.kills == outcome.plan.kills
    assert outcome.faults > 0
    assert outcome.unmarked == []
    assert outcome.without_reason == 0
    assert not outcome.quarantined


@pytest.mark.parametrize("seed", range(1, 4))
def test_kills_and_faults_lose_nothing_and_double_nothing(seed, stage, connect):
    outcome = try_seed(Plan(seed, executions=3000, kills=5, steps=120), stage, connect)

    assert_nothing_lost(outcome, stage)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
def test_many_kills_and_faults_lose_nothing_and_double_nothing(seed, stage, connect):
    outcome = try_seed(Plan(seed, EXECUTIONS, KILLS, steps=600), stage, connect)

    assert_nothing_lost(outcome, stage)
