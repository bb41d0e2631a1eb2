from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql" / "0005_bearers.sql"
UNDO = """
DROP POLICY of_bearer ON tenants_tenant;
DROP POLICY of_bearer ON tenants_apitoken;
"""


class Migration(migrations.Migration):
    """A token is found without the rights of an operator, and in two statements instead of six."""

    dependencies = [("tenants", "0004_changed_at")]
    operations = [migrations.RunSQL(SQL.read_text(), UNDO)]
