from django.db import migrations, models

from executions.concurrent_indexes import AddIndexConcurrently, RemoveIndexConcurrently


class Migration(migrations.Migration):
    """Order the queue of reasons by attempts first: what n8n fails over holds nobody up."""

    atomic = False
    dependencies = [("executions", "0016_execution_detail_too_large")]
    operations = [
        AddIndexConcurrently(
            "execution",
            models.Index(
                condition=models.Q(("detail_state", 1)),
                fields=["tenant", "environment_id", "detail_attempts", "-occurred_at"],
                name="execution_detail_queue",
            ),
        ),
        RemoveIndexConcurrently("execution", "execution_detail_pending"),
    ]
