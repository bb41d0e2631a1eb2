"""Whether n8n answers, noted each minute from what the last contact showed."""

from uuid import UUID

from django.db import connection

from analytics.models import Pulse
from analytics.periods import Bucket, floor_hour
from executions.models import Health
from tenants.scope import operator_scope

# What n8n says in these states it says itself: it is up.
ANSWERING = (
    Health.REACHABLE,
    Health.BEHIND,
    Health.RATE_LIMITED,
    Health.SCOPE_MISSING,
    Health.KEY_REJECTED,
)
NOTE = """
INSERT INTO analytics_pulse AS p (tenant_id, environment_id, begins_at, looks, answers)
SELECT e.tenant_id, e.id, date_trunc('hour', now(), 'UTC'), 1,
    (e.health = ANY (%(answering)s))::integer
FROM executions_environment e
WHERE NOT e.is_paused AND e.health <> 'unknown'
ORDER BY e.tenant_id, e.id
ON CONFLICT (tenant_id, begins_at, environment_id) DO UPDATE SET
    looks = p.looks + 1, answers = p.answers + excluded.answers
"""


def note_pulses() -> None:
    """Note every environment's state once."""
    with operator_scope(), connection.cursor() as cursor:
        cursor.execute(NOTE, {"answering": [str(health) for health in ANSWERING]})


def uptimes(tenant_id: UUID, span: Bucket) -> dict[UUID, float]:
    """The share of looks that n8n had answered, by whole hours; without a look no entry."""
    looks: dict[UUID, list[int]] = {}
    rows = Pulse.objects.for_tenant(tenant_id).filter(
        begins_at__gte=floor_hour(span.start), begins_at__lt=span.end
    )
    for environment_id, looked, answered in rows.values_list("environment_id", "looks", "answers"):
        sums = looks.setdefault(environment_id, [0, 0])
        sums[0] += looked
        sums[1] += answered
    return {
        environment_id: answered / looked for environment_id, (looked, answered) in looks.items()
    }
