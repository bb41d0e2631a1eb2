from pathlib import Path

from django.db import migrations, models

SQL = Path(__file__).parent / "sql" / "0004_live_counts.sql"


class Migration(migrations.Migration):
    """A row a tenant that says which changes of its numbers open pages were told."""

    dependencies = [
        ("analytics", "0003_purged_since"),
        ("tenants", "0002_row_level_security"),
    ]
    operations = [
        migrations.CreateModel(
            name="LiveCounts",
            fields=[
                ("tenant_id", models.UUIDField(primary_key=True, serialize=False)),
                ("changes", models.BigIntegerField()),
                ("told", models.BigIntegerField()),
                ("told_at", models.DateTimeField()),
            ],
            options={"verbose_name_plural": "live counts"},
        ),
        migrations.RunSQL(SQL.read_text(), migrations.RunSQL.noop),
    ]
