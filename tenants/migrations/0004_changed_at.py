from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    """When a tenant's members were last told of a change, or made one."""

    dependencies = [("tenants", "0003_bound_retention_min_kept")]
    operations = [
        migrations.AddField(
            model_name="tenant",
            name="changed_at",
            field=models.DateTimeField(
                db_default=Now(),
                editable=False,
                help_text="When its members were last told of a change, or made one.",
            ),
        ),
    ]
