from django.db import migrations, models

from executions.concurrent_indexes import AddIndexConcurrently, RemoveIndexConcurrently


class Migration(migrations.Migration):
    """Group failures of any range by cause from the index alone, which holds no successes."""

    atomic = False
    dependencies = [("executions", "0008_execution_workflow_failures_index")]
    operations = [
        AddIndexConcurrently(
            "execution",
            models.Index(
                fields=["tenant", "-occurred_at", "-id"],
                include=["normalized_status", "environment_id", "workflow_id", "fingerprint"],
                name="execution_unsuccessful",
                condition=~models.Q(normalized_status="success"),
            ),
        ),
        RemoveIndexConcurrently("execution", "execution_not_successful"),
    ]
