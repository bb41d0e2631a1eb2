"""What happened: n8n servers, their workflows and executions, and how far each was copied."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from executions.detail_state import DetailState
from executions.error_rules import ErrorRule
from executions.push.models import PushToken, RunSpan
from executions.retention_models import RetentionRule, RetentionRun
from executions.saved.models import DefaultView, SavedView
from executions.statuses import NormalizedStatus
from tenants.fields import EncryptedTextField
from tenants.models import Tenant, TenantOwned

__all__ = [
    "DefaultView",
    "DetailState",
    "ErrorRule",
    "PushToken",
    "RetentionRule",
    "RetentionRun",
    "RunSpan",
    "SavedView",
]


class Health(models.TextChoices):
    """What the last contact with an environment showed."""

    UNKNOWN = "unknown", "Not contacted yet"
    REACHABLE = "reachable", "Reachable"
    BEHIND = "behind", "Behind"
    RATE_LIMITED = "rate_limited", "Rate limited"
    UNREACHABLE = "unreachable", "Unreachable"
    NOT_N8N = "not_n8n", "Not n8n"
    SCOPE_MISSING = "scope_missing", "Scope missing"
    KEY_REJECTED = "key_rejected", "Key rejected"
    KEY_UNREADABLE = "key_unreadable", "Key unreadable"
    QUARANTINED = "quarantined", "Quarantined"


class Environment(TenantOwned):
    """One n8n server of a tenant."""

    name = models.CharField(max_length=100)
    base_url = models.CharField(max_length=500)
    api_key = EncryptedTextField(editable=False)
    api_key_last_four = models.CharField(max_length=4, editable=False)
    api_key_set_at = models.DateTimeField()
    is_paused = models.BooleanField(default=False)
    health = models.CharField(max_length=20, choices=Health.choices, default=Health.UNKNOWN)
    health_reason = models.TextField(blank=True)
    health_since = models.DateTimeField(null=True, blank=True)
    contacted_at = models.DateTimeField(null=True, blank=True)
    latency_ms = models.PositiveIntegerField(null=True, blank=True)
    clock_skew_ms = models.BigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name", "id")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "name"], name="environment_unique_name"),
            models.CheckConstraint(
                condition=Q(health__in=Health.values), name="environment_health_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class OfEnvironment(TenantOwned):
    """Base of tables whose rows belong to one environment; the key is made by SQL."""

    environment = models.ForeignKey(
        Environment,
        on_delete=models.CASCADE,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )

    class Meta:
        abstract = True


class Workflow(OfEnvironment):
    """A workflow as n8n last showed it; workflow_id is n8n's own id."""

    workflow_id = models.CharField(max_length=64)
    name = models.CharField(max_length=500)
    is_active = models.BooleanField(default=False)
    is_archived = models.BooleanField(default=False)
    tags = ArrayField(models.CharField(max_length=100), default=list)
    project = models.CharField(max_length=200, blank=True)
    settings = models.JSONField(default=dict)
    nodes = models.JSONField(default=list)
    version_id = models.CharField(max_length=64, blank=True)
    remote_created_at = models.DateTimeField(null=True)
    remote_updated_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("name", "id")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "environment", "workflow_id"], name="workflow_unique_remote_id"
            )
        ]

    def __str__(self) -> str:
        return self.name


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


class DirtyHour(models.Model):
    """A mark that an hour's numbers changed, made with the change and taken by the rollups.

    Marks are only added and deleted, never updated: a mark that can be seen stands for a change
    that can be seen.
    """

    id = models.BigAutoField(primary_key=True)
    tenant_id = models.UUIDField()
    environment_id = models.UUIDField()
    hour = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.environment_id} {self.hour:%Y-%m-%d %H}"


class Coverage(OfEnvironment):
    """A stretch of time whose executions have all been listed, by n8n's clock."""

    from_at = models.DateTimeField()
    to_at = models.DateTimeField()

    class Meta:
        ordering = ("from_at",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "environment", "from_at"], name="coverage_unique_start"
            ),
            models.CheckConstraint(
                condition=Q(to_at__gte=F("from_at")), name="coverage_ends_after_start"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.from_at:%Y-%m-%d %H:%M} to {self.to_at:%Y-%m-%d %H:%M}"


class MissingId(OfEnvironment):
    """An id between two listed ones that no list showed: a hole, or a run that shows later."""

    epoch = models.PositiveSmallIntegerField()
    id_order = models.BigIntegerField()
    probes = models.PositiveSmallIntegerField(default=0)
    probe_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "environment", "epoch", "id_order"], name="missingid_unique_id"
            )
        ]

    def __str__(self) -> str:
        return str(self.id_order)


class SyncState(OfEnvironment):
    """How far an environment is copied, and which worker may write for it now.

    One row an environment. ``fencing_token`` grows with each lease: a page is written only by
    the holder of the newest one.
    """

    epoch = models.PositiveSmallIntegerField(default=1)
    high_water = models.BigIntegerField(null=True, help_text="Highest execution id listed.")
    high_water_at = models.DateTimeField(null=True, help_text="When it was listed, n8n's clock.")
    history_floor_at = models.DateTimeField(
        null=True, help_text="How far back the past was asked for."
    )
    capabilities = models.JSONField(default=dict)
    workflows_synced_at = models.DateTimeField(null=True)
    reconciled_at = models.DateTimeField(null=True)
    synced_at = models.DateTimeField(null=True, help_text="Start of the last complete cycle.")
    due_at = models.DateTimeField(db_default=Now())
    dispatched_at = models.DateTimeField(
        null=True, help_text="When a worker was asked for a turn that has not ended yet."
    )
    lease_owner = models.CharField(max_length=100, blank=True)
    lease_expires_at = models.DateTimeField(null=True)
    fencing_token = models.BigIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0, help_text="Failed turns one after another.")
    lease_place = models.TextField(
        blank=True, default="", db_default="", help_text="What its holder is about to do."
    )
    crashes = models.PositiveIntegerField(
        default=0, help_text="Turns that died at the same place, one after another."
    )
    crash_place = models.TextField(blank=True, default="", db_default="")
    crash_reason = models.TextField(blank=True, default="", db_default="")
    quarantined_at = models.DateTimeField(null=True)
    quarantine_reason = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "environment"], name="syncstate_unique_environment"
            )
        ]

    def __str__(self) -> str:
        return f"sync of {self.environment_id}"


class SyncRun(OfEnvironment):
    """A walk down the executions of an environment, from its newest id to a floor.

    The position is saved with each page, so a walk that was cut off goes on where it stopped.
    """

    class Kind(models.TextChoices):
        CYCLE = "cycle", "New and changed executions"
        HISTORY = "history", "Load of the past"
        RECONCILE = "reconcile", "Daily comparison"

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    OPEN: ClassVar = (State.QUEUED, State.RUNNING)

    kind = models.CharField(max_length=10, choices=Kind.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    requested_by = models.CharField(max_length=200, default="schedule")
    epoch = models.PositiveSmallIntegerField(default=1)
    top_order = models.BigIntegerField(null=True, help_text="Highest id at its begin.")
    top_at = models.DateTimeField(null=True, help_text="n8n's clock at its begin.")
    position = models.CharField(max_length=200, blank=True, help_text="Cursor of the next page.")
    floor_order = models.BigIntegerField(null=True, help_text="The walk ends below this id.")
    floor_at = models.DateTimeField(null=True, help_text="The walk ends before this start.")
    joins_at = models.DateTimeField(
        null=True, help_text="Up to here everything above the floor was listed before."
    )
    lowest_order = models.BigIntegerField(null=True, help_text="Lowest id that was reached.")
    oldest_at = models.DateTimeField(null=True, help_text="Oldest start that was reached.")
    pages = models.PositiveIntegerField(default=0)
    rows_seen = models.PositiveBigIntegerField(default=0)
    rows_new = models.PositiveBigIntegerField(default=0)
    rows_changed = models.PositiveBigIntegerField(default=0)
    rows_refused = models.PositiveIntegerField(default=0)
    estimated_total = models.PositiveBigIntegerField(null=True)
    busy_ms = models.PositiveBigIntegerField(default=0, help_text="Time spent in turns.")
    failures = models.PositiveIntegerField(default=0)
    message = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-created_at", "-id")
        indexes: ClassVar = [
            models.Index(
                fields=["tenant", "environment", "-created_at", "-id"], name="syncrun_history"
            )
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "environment", "kind"],
                condition=Q(state__in=["queued", "running"]) & ~Q(kind="history"),
                name="syncrun_one_open_of_a_kind",
            ),
            models.CheckConstraint(
                condition=Q(finished_at=None) | Q(finished_at__gte=F("created_at")),
                name="syncrun_ends_after_start",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.state})"
