from django.db import migrations, models

from executions.concurrent_indexes import AddIndexConcurrently


class Migration(migrations.Migration):
    """Find the retries of a run; few runs are retries, so the index is small."""

    atomic = False
    dependencies = [("executions", "0014_saved_views_row_level_security")]
    operations = [
        AddIndexConcurrently(
            "execution",
            models.Index(
                condition=models.Q(("retry_of", ""), _negated=True),
                fields=["tenant", "environment_id", "retry_of"],
                name="execution_retries",
            ),
        ),
    ]
