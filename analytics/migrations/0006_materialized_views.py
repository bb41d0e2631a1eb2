from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql" / "0006_materialized_views.sql"
REVERSE = """
DROP SCHEMA reports CASCADE;
DROP MATERIALIZED VIEW mv_execution_counts_by_workflow, mv_execution_counts_by_environment,
    mv_error_summary;
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0005_viewstate"), ("executions", "0003_syncstate_crash_place")]
    operations = [migrations.RunSQL(SQL.read_text(), REVERSE)]
