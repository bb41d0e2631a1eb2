"""Tables of what n8n sends by itself; loaded by executions.models.

Their keys into environments are made by SQL and carry the tenant.
"""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from tenants.models import TenantOwned


class PushToken(TenantOwned):
    """The secret with which one n8n may send, and what came with it; only its digest is kept."""

    environment_id = models.UUIDField()
    digest = models.CharField(max_length=64, editable=False)
    last_four = models.CharField(max_length=4, editable=False)
    issued_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    traces_at = models.DateTimeField(null=True, help_text="When traces came last.")
    errors_at = models.DateTimeField(null=True, help_text="When the Error Trigger called last.")
    counted_on = models.DateField(null=True, help_text="The day, in UTC, that is counted.")
    runs_counted = models.PositiveIntegerField(default=0, help_text="Runs told on that day.")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["digest"], name="pushtoken_digest")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "environment_id"], name="pushtoken_one_an_environment"
            )
        ]

    def __str__(self) -> str:
        return f"push token …{self.last_four}"


class RunSpan(TenantOwned):
    """What a trace told of one run: a row for each node that ran, and one for the run itself.

    ``run_key`` names the trace and its span of the run. A node's span knows no execution and may
    come first, so ``execution_id`` is filled in when both are there; the run's own row, without a
    node, keeps that knowledge for spans that come later. Retention deletes it with its execution.
    """

    environment_id = models.UUIDField()
    run_key = models.CharField(max_length=48)
    span_id = models.CharField(max_length=16, blank=True)
    execution_id = models.UUIDField(null=True)
    node = models.CharField(max_length=500, blank=True)
    node_type = models.CharField(max_length=200, blank=True)
    started_at = models.DateTimeField(null=True)
    duration_ms = models.BigIntegerField(null=True)
    items_in = models.BigIntegerField(null=True)
    items_out = models.BigIntegerField(null=True)
    failed = models.BooleanField(default=False)
    place = models.PositiveIntegerField(default=0, help_text="Order among those that came at once.")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("started_at", "place")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "environment_id", "run_key", "span_id"],
                name="runspan_unique_span",
            )
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["execution_id"],
                name="runspan_of_execution",
                condition=Q(execution_id__isnull=False),
            ),
            models.Index(
                fields=["created_at"],
                name="runspan_without_execution",
                condition=Q(execution_id=None),
            ),
        ]

    def __str__(self) -> str:
        return self.node or "the run"
