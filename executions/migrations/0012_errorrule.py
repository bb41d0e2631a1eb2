from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models

import tenants.ids

SQL = Path(__file__).parent / "sql" / "0012_errorrule.sql"
CLASSES = (
    "timeout", "connection", "dns", "tls", "auth", "credentials", "permission", "rate_limit",
    "quota", "not_found", "validation", "conflict", "server_error", "expression", "code", "data",
    "database", "configuration", "resource", "cancelled", "ai_model", "user_defined", "unknown",
)  # fmt: skip


class Migration(migrations.Migration):
    """A tenant's own rules of which failures belong together, behind row-level security."""

    dependencies = [
        ("executions", "0011_execution_fingerprint_index"),
        ("tenants", "0002_row_level_security"),
    ]
    operations = [
        migrations.CreateModel(
            name="ErrorRule",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=tenants.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("literal", "The message holds this text"),
                            ("glob", "The whole message fits, * stands for anything"),
                        ],
                        default="literal",
                        max_length=10,
                    ),
                ),
                ("pattern", models.CharField(max_length=500)),
                (
                    "error_class",
                    models.CharField(
                        blank=True,
                        help_text="Class of its failures; empty: the class they have.",
                        max_length=20,
                    ),
                ),
                ("created_by", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={"ordering": ("created_at", "id")},
        ),
        migrations.AddConstraint(
            "errorrule",
            models.UniqueConstraint(fields=("tenant", "name"), name="errorrule_unique_name"),
        ),
        migrations.AddConstraint(
            "errorrule",
            models.CheckConstraint(
                condition=models.Q(("error_class__in", ["", *CLASSES])),
                name="errorrule_class_known",
            ),
        ),
        migrations.RunSQL(SQL.read_text()),
    ]
