"""What a tenant keeps for how long beside its own days, and what every night deleted."""

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from executions.statuses import NormalizedStatus
from tenants.models import TenantOwned

LONGEST_DAYS = 3650


class RetentionRule(TenantOwned):
    """Days for executions of one environment, of one status, or of both."""

    environment_id = models.UUIDField(null=True, blank=True)
    status = models.CharField(max_length=10, blank=True, choices=NormalizedStatus.choices())
    days = models.PositiveIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_DAYS)]
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "environment_id", "status"],
                name="retentionrule_unique_scope",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(environment_id__isnull=False) | ~Q(status=""),
                name="retentionrule_has_scope",
            ),
            models.CheckConstraint(
                condition=Q(days__gte=1, days__lte=LONGEST_DAYS), name="retentionrule_days_allowed"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.status or 'all'}: {self.days} days"


class RetentionRun(TenantOwned):
    """One pruning of a tenant: who asked, what went, how long it took, up to which time."""

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        OUT_OF_TIME = "out_of_time", "Out of time, goes on"
        FAILED = "failed", "Failed"

    requested_by = models.CharField(max_length=200, default="schedule")
    state = models.CharField(max_length=12, choices=State.choices, default=State.RUNNING)
    started_at = models.DateTimeField()
    touched_at = models.DateTimeField(help_text="When it last deleted a batch.")
    finished_at = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True, help_text="Up to this start executions were deleted.")
    deleted = models.PositiveBigIntegerField(default=0)
    batches = models.PositiveIntegerField(default=0)
    message = models.TextField(blank=True)

    class Meta:
        ordering = ("-started_at", "-id")
        indexes: ClassVar = [
            models.Index(fields=["tenant", "-started_at", "-id"], name="retentionrun_history")
        ]
        constraints: ClassVar = [
            # Two workers never prune one tenant at once.
            models.UniqueConstraint(
                fields=["tenant"], condition=Q(state="running"), name="retentionrun_one_running"
            )
        ]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M}: {self.deleted} deleted"

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it runs."""
        if self.finished_at is None:
            return None
        return round((self.finished_at - self.started_at).total_seconds(), 1)
