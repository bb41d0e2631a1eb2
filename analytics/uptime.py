"""Whether n8n answers, noted each minute from what the last contact showed."""

from django.db import connection

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
