from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0004_live_counts'),
    ]

    operations = [
        migrations.CreateModel(
            name='ViewState',
            fields=[
                ('name', models.CharField(max_length=63, primary_key=True, serialize=False)),
                ('started_at', models.DateTimeField(help_text='Start of the last try.', null=True)),
                ('succeeded_at', models.DateTimeField(help_text='The view shows what was then.', null=True)),
                ('duration_ms', models.PositiveBigIntegerField(help_text='Of the last success.', null=True)),
                ('row_count', models.PositiveBigIntegerField(null=True)),
                ('error', models.TextField(blank=True, help_text='Why the last try failed.')),
            ],
            options={
                'ordering': ('name',), 'verbose_name': 'materialized view',
            },
        ),
    ]
