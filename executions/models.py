"""Executions, and every other model of this app by its name."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from executions.detail_state import DetailState
from executions.environment_models import Environment, Health, Workflow
from executions.error_rules import ErrorRule
from executions.push.models import PushToken, RunSpan
from executions.retention_models import RetentionRule, RetentionRun
from executions.saved.models import DefaultView, SavedView
from executions.statuses import NormalizedStatus
from executions.sync_models import Coverage, DirtyHour, MissingId, SyncRun, SyncState
from tenants.models import Tenant, TenantOwned

__all__ = [
    "Coverage",
    "DefaultView",
    "DetailState",
    "DirtyHour",
    "Environment",
    "ErrorRule",
    "Execution",
    "Health",
    "MissingId",
    "PushToken",
    "RetentionRule",
    "RetentionRun",
    "RunSpan",
    "SavedView",
    "SyncRun",
    "SyncState",
    "Workflow",
]


class Execution(TenantOwned):
    """One run of a workflow, copied from n8n.

    ``status`` is n8n's own word and ``normalized_status`` ours. ``occurred_at`` places the run in
    time even where n8n gives no start: the start, else the end, else when it was first seen.
    """

    # No keys into other tables: each would cost a look-up a row. The lease that every writer
    # holds belongs to the environment, so there is none without it.
    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    environment_id = models.UUIDField()
    epoch = models.PositiveSmallIntegerField(default=1)
    provider = models.CharField(max_length=20, default="n8n")
    workflow_id = models.CharField(max_length=64)
    workflow_name = models.CharField(max_length=500, blank=True)
    n8n_execution_id = models.CharField(max_length=64)
    id_order = models.BigIntegerField(null=True)
    status = models.CharField(max_length=40)
    normalized_status = models.CharField(max_length=10, choices=NormalizedStatus.choices())
    mode = models.CharField(max_length=40)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    occurred_at = models.DateTimeField()
    execution_time = models.BigIntegerField(null=True, help_text="Milliseconds.")
    error_message = models.TextField(blank=True)
    error_description = models.TextField(blank=True)
    error_node = models.CharField(max_length=500, blank=True)
    error_node_type = models.CharField(max_length=200, blank=True)
    error_name = models.CharField(max_length=200, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_class = models.CharField(max_length=20, blank=True)
    error_template = models.TextField(blank=True)
    fingerprint = models.CharField(max_length=32, blank=True)
    grouping_version = models.PositiveSmallIntegerField(default=0)
    error_values = models.JSONField(
        null=True, blank=True, help_text="What differs within its group: [kind, value], …"
    )
    detail_state = models.PositiveSmallIntegerField(
        choices=DetailState.choices, default=DetailState.NOT_NEEDED
    )
    detail_attempts = models.PositiveSmallIntegerField(default=0)
    recheck_at = models.DateTimeField(null=True)
    wait_till = models.DateTimeField(null=True)
    retry_of = models.CharField(max_length=64, blank=True)
    retry_success_id = models.CharField(max_length=64, blank=True)
    workflow_version_id = models.CharField(max_length=64, blank=True)
    flags = models.PositiveIntegerField(default=0)
    gone_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "executions"
        ordering = ("-occurred_at", "-id")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "environment_id", "epoch", "n8n_execution_id"],
                name="execution_unique_remote_id",
            ),
            models.CheckConstraint(
                condition=Q(normalized_status__in=[s.value for s in NormalizedStatus]),
                name="execution_status_known",
            ),
            models.CheckConstraint(
                condition=Q(execution_time__gte=0) | Q(execution_time=None),
                name="execution_time_not_negative",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["tenant", "-occurred_at", "-id"],
                include=["normalized_status", "execution_time"],
                name="execution_tenant_time",
            ),
            models.Index(
                fields=["tenant", "environment_id", "-occurred_at", "-id"],
                include=["normalized_status", "execution_time"],
                name="execution_environment_time",
            ),
            models.Index(
                fields=["tenant", "workflow_id", "-occurred_at", "-id"],
                name="execution_workflow_time",
            ),
            models.Index(
                fields=["tenant", "-occurred_at", "-id"],
                include=["normalized_status", "environment_id", "workflow_id", "fingerprint"],
                name="execution_unsuccessful",
                condition=~Q(normalized_status="success"),
            ),
            models.Index(
                fields=["tenant", "environment_id", "workflow_id", "-occurred_at"],
                include=["error_class"],
                name="execution_workflow_failures",
                condition=Q(normalized_status="error"),
            ),
            models.Index(
                fields=["tenant", "fingerprint", "-occurred_at", "-id"],
                name="execution_fingerprint_time",
                condition=~Q(fingerprint=""),
            ),
            models.Index(
                fields=["tenant", "environment_id", "detail_attempts", "-occurred_at"],
                name="execution_detail_queue",
                condition=Q(detail_state=DetailState.PENDING),
            ),
            models.Index(
                fields=["tenant", "environment_id", "retry_of"],
                name="execution_retries",
                condition=~Q(retry_of=""),
            ),
            models.Index(
                fields=["tenant", "environment_id", "recheck_at"],
                name="execution_not_final",
                condition=Q(recheck_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.workflow_name or self.workflow_id} {self.n8n_execution_id}"
