from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql" / "0002_row_level_security.sql"


class Migration(migrations.Migration):
    """Forward only: tables without their policies would show every tenant's rows."""

    dependencies = [
        ("analytics", "0001_initial"),
        ("executions", "0002_row_level_security"),
    ]
    operations = [migrations.RunSQL(SQL.read_text())]
