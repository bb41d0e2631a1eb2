from pathlib import Path

import django.contrib.postgres.fields
import django.db.models.deletion
import tenants.ids
from django.conf import settings
from django.db import migrations, models


SQL = Path(__file__).parent / "sql" / "0007_error_groups.sql"


class Migration(migrations.Migration):
    """Error groups with their history, and failures added up by group."""

    dependencies = [
        ('analytics', '0006_materialized_views'),
        ('executions', '0012_errorrule'),
        ('tenants', '0002_row_level_security'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ErrorHour',
            fields=[
                ('tenant_id', models.UUIDField()),
                ('environment_id', models.UUIDField()),
                ('begins_at', models.DateTimeField()),
                ('fingerprint', models.CharField(max_length=32)),
                ('workflow_id', models.CharField(max_length=64)),
                ('mode', models.CharField(max_length=40)),
                ('failures', models.IntegerField()),
                ('first_at', models.DateTimeField()),
                ('last_at', models.DateTimeField()),
                ('pk', models.CompositePrimaryKey('tenant_id', 'begins_at', 'environment_id', 'fingerprint', 'workflow_id', 'mode', blank=True, editable=False, primary_key=True, serialize=False)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Regrouping',
            fields=[
                ('tenant_id', models.UUIDField(primary_key=True, serialize=False)),
                ('version', models.PositiveSmallIntegerField()),
                ('reason', models.CharField(max_length=200)),
                ('requested_at', models.DateTimeField()),
                ('position_at', models.DateTimeField(help_text='All after this moment are done.', null=True)),
                ('position_id', models.UUIDField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('rows_seen', models.PositiveBigIntegerField(default=0)),
                ('rows_changed', models.PositiveBigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name='ErrorDay',
            fields=[
                ('tenant_id', models.UUIDField()),
                ('environment_id', models.UUIDField()),
                ('begins_at', models.DateTimeField()),
                ('fingerprint', models.CharField(max_length=32)),
                ('workflow_id', models.CharField(max_length=64)),
                ('mode', models.CharField(max_length=40)),
                ('failures', models.IntegerField()),
                ('first_at', models.DateTimeField()),
                ('last_at', models.DateTimeField()),
                ('pk', models.CompositePrimaryKey('tenant_id', 'begins_at', 'environment_id', 'fingerprint', 'workflow_id', 'mode', blank=True, editable=False, primary_key=True, serialize=False)),
            ],
            options={
                'indexes': [models.Index(fields=['tenant_id', 'fingerprint', 'begins_at'], name='errorday_one')],
            },
        ),
        migrations.CreateModel(
            name='ErrorGroup',
            fields=[
                ('id', models.UUIDField(default=tenants.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('fingerprint', models.CharField(max_length=32)),
                ('grouping_version', models.PositiveSmallIntegerField()),
                ('error_class', models.CharField(max_length=20)),
                ('template', models.TextField()),
                ('first_seen_at', models.DateTimeField()),
                ('last_seen_at', models.DateTimeField()),
                ('state', models.CharField(choices=[('new', 'New'), ('ongoing', 'Ongoing'), ('resolved', 'Resolved'), ('regressed', 'Regressed'), ('archived', 'Archived')], max_length=10)),
                ('state_since', models.DateTimeField()),
                ('resolved_in', models.CharField(blank=True, max_length=20)),
                ('old_versions', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), default=list, help_text='Versions of workflows whose later failures are no regression.', size=None)),
                ('archived_until', models.DateTimeField(null=True)),
                ('archived_until_count', models.PositiveIntegerField(null=True)),
                ('archived_until_rate', models.PositiveIntegerField(help_text='Failures an hour.', null=True)),
                ('created_at', models.DateTimeField()),
                ('assignee', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'ordering': ('-last_seen_at', '-id'),
            },
        ),
        migrations.CreateModel(
            name='GroupAlias',
            fields=[
                ('id', models.UUIDField(default=tenants.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('fingerprint', models.CharField(max_length=32)),
                ('merged_from', models.UUIDField(null=True)),
                ('group', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='analytics.errorgroup')),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
        ),
        migrations.CreateModel(
            name='GroupEvent',
            fields=[
                ('id', models.UUIDField(default=tenants.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('actor', models.CharField(max_length=200)),
                ('kind', models.CharField(choices=[('resolved', 'Resolved'), ('reopened', 'Reopened'), ('archived', 'Archived'), ('assigned', 'Assigned'), ('noted', 'Note'), ('merged', 'Merged'), ('unmerged', 'Taken apart'), ('regressed', 'Failed again'), ('returned', 'Returned from the archive'), ('settled', 'Ongoing'), ('regrouped', 'Grouped anew')], max_length=10)),
                ('text', models.TextField(blank=True)),
                ('group', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='analytics.errorgroup')),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'ordering': ('-at', '-id'),
            },
        ),
        migrations.AddIndex(
            model_name='errorgroup',
            index=models.Index(condition=models.Q(('state__in', ['new', 'regressed', 'archived'])), fields=['tenant'], name='errorgroup_moving'),
        ),
        migrations.AddConstraint(
            model_name='errorgroup',
            constraint=models.UniqueConstraint(fields=('tenant', 'fingerprint'), name='errorgroup_unique_fingerprint'),
        ),
        migrations.AddConstraint(
            model_name='errorgroup',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['new', 'ongoing', 'resolved', 'regressed', 'archived'])), name='errorgroup_state_known'),
        ),
        migrations.AddConstraint(
            model_name='errorgroup',
            constraint=models.CheckConstraint(condition=models.Q(('error_class__in', ['timeout', 'connection', 'dns', 'tls', 'auth', 'credentials', 'permission', 'rate_limit', 'quota', 'not_found', 'validation', 'conflict', 'server_error', 'expression', 'code', 'data', 'database', 'configuration', 'resource', 'cancelled', 'ai_model', 'user_defined', 'unknown'])), name='errorgroup_class_known'),
        ),
        migrations.AddConstraint(
            model_name='errorgroup',
            constraint=models.CheckConstraint(condition=models.Q(('resolved_in__in', ['', 'now', 'current_version', 'next_version'])), name='errorgroup_resolution_known'),
        ),
        migrations.AddConstraint(
            model_name='errorgroup',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('old_versions', []), ('resolved_in', '')), ('state', 'resolved'), _connector='OR'), name='errorgroup_resolution_of_resolved'),
        ),
        migrations.AddConstraint(
            model_name='errorgroup',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('archived_until', None), ('archived_until_count', None), ('archived_until_rate', None)), ('state', 'archived'), _connector='OR'), name='errorgroup_limits_of_archived'),
        ),
        migrations.AddIndex(
            model_name='groupalias',
            index=models.Index(fields=['tenant', 'group'], name='groupalias_group'),
        ),
        migrations.AddConstraint(
            model_name='groupalias',
            constraint=models.UniqueConstraint(fields=('tenant', 'fingerprint'), name='groupalias_unique_fingerprint'),
        ),
        migrations.AddIndex(
            model_name='groupevent',
            index=models.Index(fields=['tenant', 'group', '-at', '-id'], name='groupevent_history'),
        ),
        migrations.AddConstraint(
            model_name='groupevent',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['resolved', 'reopened', 'archived', 'assigned', 'noted', 'merged', 'unmerged', 'regressed', 'returned', 'settled', 'regrouped'])), name='groupevent_kind_known'),
        ),
        migrations.RunSQL(SQL.read_text()),
    ]
