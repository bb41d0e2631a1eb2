from django.db import migrations, models

from executions.concurrent_indexes import AddIndexConcurrently


class Migration(migrations.Migration):
    """Find the failures of one group, newest first; only failures are in the index."""

    atomic = False
    dependencies = [("executions", "0010_execution_error_values")]
    operations = [
        AddIndexConcurrently(
            "execution",
            models.Index(
                fields=["tenant", "fingerprint", "-occurred_at", "-id"],
                name="execution_fingerprint_time",
                condition=~models.Q(fingerprint=""),
            ),
        )
    ]
