from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql" / "0007_push_row_level_security.sql"


class Migration(migrations.Migration):
    """Forward only: tables without their policies would show every tenant's rows."""

    dependencies = [("executions", "0006_push_tables")]
    operations = [migrations.RunSQL(SQL.read_text())]
