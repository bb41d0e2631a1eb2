from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql" / "0014_saved_views_row_level_security.sql"


class Migration(migrations.Migration):
    """Forward only: tables without their policies would show every tenant's rows."""

    dependencies = [("executions", "0013_saved_views")]
    operations = [migrations.RunSQL(SQL.read_text())]
