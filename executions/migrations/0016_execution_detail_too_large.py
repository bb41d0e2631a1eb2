from django.db import migrations, models


class Migration(migrations.Migration):
    """Tell failures whose data are too large to be read from those whose data are gone."""

    dependencies = [("executions", "0015_execution_retries_index")]
    operations = [
        migrations.AlterField(
            "execution",
            "detail_state",
            models.PositiveSmallIntegerField(
                choices=[
                    (0, "Not needed"),
                    (1, "Pending"),
                    (2, "Fetched"),
                    (3, "Gone from n8n"),
                    (4, "Too large to be read"),
                ],
                default=0,
            ),
        ),
    ]
