from django.db import migrations, models

from executions.concurrent_indexes import AddIndexConcurrently


class Migration(migrations.Migration):
    """Find an environment's marks by hour while others have hundreds of thousands."""

    atomic = False
    dependencies = [("executions", "0019_defaults_for_older_code")]
    operations = [
        AddIndexConcurrently(
            "dirtyhour",
            models.Index(fields=["tenant_id", "environment_id", "hour"], name="dirtyhour_newest"),
        ),
    ]
