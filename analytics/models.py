"""Numbers added up from executions, which outlive them.

The four rollups have one shape. Their keys begin with tenant and time, so that a range reads only
its own rows however long the history is. Environments own them by keys that SQL makes.
"""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from analytics.group_models import ErrorDay as ErrorDay
from analytics.group_models import ErrorGroup as ErrorGroup
from analytics.group_models import ErrorHour as ErrorHour
from analytics.group_models import GroupAlias as GroupAlias
from analytics.group_models import GroupEvent as GroupEvent
from analytics.group_models import Regrouping as Regrouping
from tenants.querysets import TenantQuerySet


class Rollup(models.Model):
    """Executions of one UTC hour or day by status, with their durations as a histogram."""

    tenant_id = models.UUIDField()
    environment_id = models.UUIDField()
    begins_at = models.DateTimeField()
    success = models.IntegerField()
    error = models.IntegerField()
    running = models.IntegerField()
    waiting = models.IntegerField()
    canceled = models.IntegerField()
    unknown = models.IntegerField()
    timed = models.IntegerField(help_text="Executions with a duration.")
    duration_sum = models.BigIntegerField(help_text="Milliseconds.")
    duration_max = models.BigIntegerField(null=True)
    bins = ArrayField(models.SmallIntegerField())
    bin_counts = ArrayField(models.IntegerField())
    last_at = models.DateTimeField()
    last_error_at = models.DateTimeField(null=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.environment_id} {self.begins_at:%Y-%m-%d %H}"


class EnvironmentHour(Rollup):
    pk = models.CompositePrimaryKey("tenant_id", "begins_at", "environment_id")


class EnvironmentDay(Rollup):
    pk = models.CompositePrimaryKey("tenant_id", "begins_at", "environment_id")


class WorkflowRollup(Rollup):
    """Of one workflow and one mode: most workflows are started in one way only."""

    workflow_id = models.CharField(max_length=64)
    mode = models.CharField(max_length=40)

    class Meta:
        abstract = True


class WorkflowHour(WorkflowRollup):
    pk = models.CompositePrimaryKey(
        "tenant_id", "begins_at", "environment_id", "workflow_id", "mode"
    )

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["tenant_id", "workflow_id", "begins_at"], name="workflowhour_one")
        ]


class WorkflowDay(WorkflowRollup):
    pk = models.CompositePrimaryKey(
        "tenant_id", "begins_at", "environment_id", "workflow_id", "mode"
    )

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["tenant_id", "workflow_id", "begins_at"], name="workflowday_one")
        ]


class RollupState(models.Model):
    """How an environment's rollups stand.

    Hours from ``purged_since`` to ``purged_before`` are final: retention took their rows, so
    adding them up again would lose what they say.
    """

    pk = models.CompositePrimaryKey("tenant_id", "environment_id")
    tenant_id = models.UUIDField()
    environment_id = models.UUIDField()
    purged_since = models.DateTimeField(null=True)
    purged_before = models.DateTimeField(null=True)
    refreshed_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)
    hours_checked = models.PositiveIntegerField(default=0)
    hours_different = models.PositiveIntegerField(default=0)
    difference = models.TextField(blank=True)

    objects = TenantQuerySet.as_manager()

    def __str__(self) -> str:
        return f"rollups of {self.environment_id}"


class Pulse(models.Model):
    """How often in an hour an environment was looked at, and how often n8n had answered."""

    pk = models.CompositePrimaryKey("tenant_id", "begins_at", "environment_id")
    tenant_id = models.UUIDField()
    environment_id = models.UUIDField()
    begins_at = models.DateTimeField()
    looks = models.PositiveIntegerField()
    answers = models.PositiveIntegerField()

    objects = TenantQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.environment_id} {self.begins_at:%Y-%m-%d %H}: {self.answers}/{self.looks}"


class ExecutionAnalytics(models.Model):
    """All that is known of a workflow in an environment; up to date when a sync ends."""

    pk = models.CompositePrimaryKey("tenant_id", "environment_id", "workflow_id")
    tenant_id = models.UUIDField()
    environment_id = models.UUIDField()
    workflow_id = models.CharField(max_length=64)
    total_count = models.BigIntegerField()
    success_count = models.BigIntegerField()
    failure_count = models.BigIntegerField()
    avg_duration = models.FloatField(null=True, help_text="Milliseconds.")
    p50_duration = models.FloatField(null=True)
    p95_duration = models.FloatField(null=True)
    last_execution_at = models.DateTimeField(null=True)
    last_failure_at = models.DateTimeField(null=True)
    last_error_message = models.TextField(blank=True)
    updated_at = models.DateTimeField()

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "execution_analytics"
        verbose_name_plural = "execution analytics"

    def __str__(self) -> str:
        return f"{self.workflow_id}: {self.total_count}"


class LiveCounts(models.Model):
    """How often a tenant's numbers changed, and up to which change open pages were told."""

    tenant_id = models.UUIDField(primary_key=True)
    changes = models.BigIntegerField()
    told = models.BigIntegerField()
    told_at = models.DateTimeField()

    objects = TenantQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "live counts"

    def __str__(self) -> str:
        return f"{self.tenant_id}: {self.told}/{self.changes}"


class ViewState(models.Model):
    """How the refreshing of a materialized view stands; a view of all tenants, and so its state."""

    name = models.CharField(max_length=63, primary_key=True)
    started_at = models.DateTimeField(null=True, help_text="Start of the last try.")
    succeeded_at = models.DateTimeField(null=True, help_text="The view shows what was then.")
    duration_ms = models.PositiveBigIntegerField(null=True, help_text="Of the last success.")
    row_count = models.PositiveBigIntegerField(null=True)
    error = models.TextField(blank=True, help_text="Why the last try failed.")

    class Meta:
        ordering = ("name",)
        verbose_name = "materialized view"

    def __str__(self) -> str:
        return self.name
