"""The real rollups beside a load whose workers are killed: at the end a recount gives the same."""

from functools import partial

import pytest
from django.db import connection

from analytics.rollup_sql import STATUSES, SUMS
from executions.models import DirtyHour
from executions.n8n.fake import API_KEY
from executions.tests.factories import EnvironmentFactory
from executions.tests.faults.stage import eventually, open_stage
from executions.tests.faults.trial import Plan, try_seed
from tenants.scope import operator_scope, tenant_scope

pytestmark = pytest.mark.processes
REFRESH = "analytics.tasks.dispatch_refreshes"
COUNTED = ", ".join(
    f"count(*) FILTER (WHERE normalized_status = '{status}')" for status in STATUSES
)
DIFFERENT = f"""
SELECT begins_at, counted, kept FROM (
    SELECT date_trunc('hour', occurred_at, 'UTC') AS begins_at,
        ARRAY[{COUNTED}, count(execution_time), coalesce(sum(execution_time), 0)] AS counted
    FROM executions WHERE environment_id = %(environment)s GROUP BY 1
) recount FULL JOIN (
    SELECT begins_at, ARRAY[{", ".join(f"{name}::numeric" for name in SUMS)}] AS kept
    FROM analytics_environmenthour WHERE environment_id = %(environment)s
) rollups USING (begins_at)
WHERE counted IS DISTINCT FROM kept
"""


class RealRollups:
    """Taken by the same workers that are killed, as beat would have them do it."""

    def __init__(self, stage, environment):
        self._stage, self._environment = stage, environment

    def take_marks(self):
        self._stage.send(REFRESH, "analytics")

    def unmarked(self):
        eventually(self._is_settled, every=0.3)
        with tenant_scope(self._environment.tenant_id), connection.cursor() as cursor:
            cursor.execute(DIFFERENT, {"environment": self._environment.pk})
            return cursor.fetchall()

    def _is_settled(self):
        self.take_marks()
        with tenant_scope(self._environment.tenant_id):
            return not DirtyHour.objects.filter(environment_id=self._environment.pk).exists()


@pytest.fixture
def stage(transactional_db, tmp_path):
    with open_stage(tmp_path) as stage:
        stage.queues = ["sync", "analytics", "maintenance"]
        yield stage


def connect(url):
    with operator_scope():
        return EnvironmentFactory(base_url=url, api_key=API_KEY)


def test_rollups_equal_a_recount_after_kills_and_faults(stage):
    plan = Plan(seed=11, executions=2000, kills=5, steps=80)

    outcome = try_seed(plan, stage, connect, partial(RealRollups, stage))

    assert not outcome.difference
    assert outcome.kills == plan.kills
    assert outcome.unmarked == []
