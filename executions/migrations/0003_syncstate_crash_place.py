from django.db import migrations, models


class Migration(migrations.Migration):
    """Count deaths of workers by the place where they happen."""

    dependencies = [("executions", "0002_row_level_security")]
    operations = [
        migrations.AddField(
            "syncstate",
            "lease_place",
            models.TextField(blank=True, default="", help_text="What its holder is about to do."),
        ),
        migrations.AddField(
            "syncstate", "crash_place", models.TextField(blank=True, default="")
        ),
        migrations.AddField(
            "syncstate", "crash_reason", models.TextField(blank=True, default="")
        ),
        migrations.AlterField(
            "syncstate",
            "crashes",
            models.PositiveIntegerField(
                default=0, help_text="Turns that died at the same place, one after another."
            ),
        ),
    ]
