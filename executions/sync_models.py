"""How far each environment was copied, what of its time was seen, and what changed by it."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from executions.environment_models import OfEnvironment


class DirtyHour(models.Model):
    """A mark that an hour's numbers changed, made with the change and taken by the rollups.

    Marks are only added and deleted, never updated: a mark that can be seen stands for a change
    that can be seen.
    """

    id = models.BigAutoField(primary_key=True)
    tenant_id = models.UUIDField()
    environment_id = models.UUIDField()
    hour = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["tenant_id", "environment_id", "hour"], name="dirtyhour_newest")
        ]

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
