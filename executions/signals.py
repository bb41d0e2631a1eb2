"""The one signal upwards: sent after commit, once or twice a turn of sync that changed
something: what is new is told before the past is fetched.

Receivers only enqueue, and nothing depends on them: what they would do is also pulled from the
marks in the database.
"""

from django.dispatch import Signal

# tenant_id: UUID, environment_id: UUID, execution_ids: tuple[UUID, ...]
executions_ingested = Signal()
