from django.db import migrations, models

from executions.concurrent_indexes import AddIndexConcurrently


class Migration(migrations.Migration):
    """Find a workflow's newest failures with their classes; only failures are in the index."""

    atomic = False
    dependencies = [("executions", "0007_push_row_level_security")]
    operations = [
        AddIndexConcurrently(
            "execution",
            models.Index(
                fields=["tenant", "environment_id", "workflow_id", "-occurred_at"],
                include=["error_class"],
                name="execution_workflow_failures",
                condition=models.Q(normalized_status="error"),
            ),
        )
    ]
