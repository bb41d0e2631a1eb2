"""While an upgrade runs, the processes of the version before write into the new tables."""

from django.apps import apps
from django.db import migrations
from django.db.migrations.loader import MigrationLoader

OURS = ("executions", "analytics", "tenants")


def added_fields():
    """Model and name of each field that a migration added to a table that was there before."""
    for (label, _), migration in MigrationLoader(None).disk_migrations.items():
        if label not in OURS:
            continue
        made = {
            operation.name_lower
            for operation in migration.operations
            if isinstance(operation, migrations.CreateModel)
        }
        for operation in migration.operations:
            if (
                isinstance(operation, migrations.AddField)
                and operation.model_name_lower not in made
            ):
                yield apps.get_model(label, operation.model_name), operation.name


def test_the_database_fills_each_column_that_older_code_does_not_know():
    fields = [model._meta.get_field(name) for model, name in added_fields()]

    assert fields
    assert [str(one) for one in fields if not (one.null or one.has_db_default())] == []
