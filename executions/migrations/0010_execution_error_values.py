from django.db import migrations, models


class Migration(migrations.Migration):
    """Keep what differs between the failures of one group; null where nothing is known."""

    dependencies = [("executions", "0009_execution_unsuccessful_index")]
    operations = [
        migrations.AddField(
            "execution",
            "error_values",
            models.JSONField(
                blank=True,
                null=True,
                help_text="What differs within its group: [kind, value], …",
            ),
        )
    ]
