"""Which kinds of errors a period had, from its failed rows."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from analytics.questions import Question

MOST_CLASSES = 8
SAMPLE_LENGTH = 300
# Failures without a class wait for their reason to be fetched; there is no filter for them.
# The newest message is looked up for what is shown only: messages are long, and failures many.
CLASSES = """
WITH found AS (
    SELECT r.error_class, count(*) AS n,
        count(DISTINCT (r.environment_id, r.workflow_id)) AS workflows,
        max(r.occurred_at) AS last_at
    FROM executions r
    WHERE r.tenant_id = %(tenant)s AND r.normalized_status = 'error' AND r.error_class <> ''
      AND r.occurred_at >= %(start)s AND r.occurred_at < %(end)s {conditions}
    GROUP BY r.error_class ORDER BY n DESC, r.error_class LIMIT %(most)s
)
SELECT f.*, (
    SELECT left(r.error_message, %(length)s) FROM executions r
    WHERE r.tenant_id = %(tenant)s AND r.normalized_status = 'error'
      AND r.occurred_at = f.last_at AND r.error_class = f.error_class {conditions} LIMIT 1
) FROM found f ORDER BY n DESC, error_class
"""


@dataclass(frozen=True, slots=True)
class ErrorClassRow:
    """One kind of error: how often, in how many workflows, and its newest message."""

    error_class: str
    count: int
    workflows: int
    last_at: datetime
    sample: str


def error_classes(question: Question) -> list[ErrorClassRow]:
    """The most frequent kinds of errors of the question's period, in one query."""
    selection = question.selection
    parameters = {
        **selection.parameters(),
        "start": question.span.start,
        "end": question.span.end,
        "most": MOST_CLASSES,
        "length": SAMPLE_LENGTH,
    }
    with connection.cursor() as cursor:
        cursor.execute(CLASSES.format(conditions=selection.conditions()), parameters)
        return [ErrorClassRow(*row) for row in cursor.fetchall()]
