"""Error groups: what people know of failures with one cause. They outlive the failures."""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from analytics.group_states import ResolvedIn, State
from executions.grouping.classes import CLASSES
from tenants.models import TenantOwned
from tenants.querysets import TenantQuerySet


class ErrorRollup(models.Model):
    """Failures of one UTC hour or day, by group, workflow and mode.

    The key begins with tenant and time, as that of every rollup does.
    """

    tenant_id = models.UUIDField()
    environment_id = models.UUIDField()
    begins_at = models.DateTimeField()
    fingerprint = models.CharField(max_length=32)
    workflow_id = models.CharField(max_length=64)
    mode = models.CharField(max_length=40)
    failures = models.IntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    objects = TenantQuerySet.as_manager()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.fingerprint} {self.begins_at:%Y-%m-%d %H}: {self.failures}"


class ErrorHour(ErrorRollup):
    pk = models.CompositePrimaryKey(
        "tenant_id", "begins_at", "environment_id", "fingerprint", "workflow_id", "mode"
    )


class ErrorDay(ErrorRollup):
    pk = models.CompositePrimaryKey(
        "tenant_id", "begins_at", "environment_id", "fingerprint", "workflow_id", "mode"
    )

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["tenant_id", "fingerprint", "begins_at"], name="errorday_one")
        ]


class ErrorGroup(TenantOwned):
    """Failures of a tenant with one cause.

    ``fingerprint`` is that of the newest grouping version; those of older versions, and of groups
    that were merged into this one, are its aliases.
    """

    fingerprint = models.CharField(max_length=32)
    grouping_version = models.PositiveSmallIntegerField()
    error_class = models.CharField(max_length=20)
    template = models.TextField()
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    state = models.CharField(
        max_length=10, choices=[(one.value, one.capitalize()) for one in State]
    )
    state_since = models.DateTimeField()
    resolved_in = models.CharField(max_length=20, blank=True)
    old_versions = ArrayField(
        models.CharField(max_length=64),
        default=list,
        help_text="Versions of workflows whose later failures are no regression.",
    )
    archived_until = models.DateTimeField(null=True)
    archived_until_count = models.PositiveIntegerField(null=True)
    archived_until_rate = models.PositiveIntegerField(null=True, help_text="Failures an hour.")
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,
    )
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("-last_seen_at", "-id")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "fingerprint"], name="errorgroup_unique_fingerprint"
            ),
            models.CheckConstraint(
                condition=Q(state__in=[one.value for one in State]), name="errorgroup_state_known"
            ),
            models.CheckConstraint(
                condition=Q(error_class__in=list(CLASSES)), name="errorgroup_class_known"
            ),
            models.CheckConstraint(
                condition=Q(resolved_in__in=["", *(one.value for one in ResolvedIn)]),
                name="errorgroup_resolution_known",
            ),
            models.CheckConstraint(
                condition=Q(resolved_in="", old_versions=[]) | Q(state=State.RESOLVED.value),
                name="errorgroup_resolution_of_resolved",
            ),
            models.CheckConstraint(
                condition=Q(
                    archived_until=None, archived_until_count=None, archived_until_rate=None
                )
                | Q(state=State.ARCHIVED.value),
                name="errorgroup_limits_of_archived",
            ),
        ]
        indexes: ClassVar = [
            # What a beat looks through: groups that change by themselves.
            models.Index(
                fields=["tenant"],
                name="errorgroup_moving",
                condition=Q(state__in=["new", "regressed", "archived"]),
            )
        ]

    def __str__(self) -> str:
        return self.template[:200]


class OfGroup(TenantOwned):
    """Base of tables whose rows belong to a group; the key is made by SQL."""

    group = models.ForeignKey(
        ErrorGroup,
        on_delete=models.CASCADE,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )

    class Meta:
        abstract = True


class GroupAlias(OfGroup):
    """A fingerprint whose failures count for a group that has another one.

    ``merged_from`` is the group that was merged, where people did it; else it is an older
    grouping version's.
    """

    fingerprint = models.CharField(max_length=32)
    merged_from = models.UUIDField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "fingerprint"], name="groupalias_unique_fingerprint"
            )
        ]
        indexes: ClassVar = [models.Index(fields=["tenant", "group"], name="groupalias_group")]

    def __str__(self) -> str:
        return self.fingerprint


class GroupEvent(OfGroup):
    """What happened to a group, by whom; notes of people are events too."""

    class Kind(models.TextChoices):
        RESOLVED = "resolved", "Resolved"
        REOPENED = "reopened", "Reopened"
        ARCHIVED = "archived", "Archived"
        ASSIGNED = "assigned", "Assigned"
        NOTED = "noted", "Note"
        MERGED = "merged", "Merged"
        UNMERGED = "unmerged", "Taken apart"
        REGRESSED = "regressed", "Failed again"
        RETURNED = "returned", "Returned from the archive"
        SETTLED = "settled", "Ongoing"
        REGROUPED = "regrouped", "Grouped anew"

    at = models.DateTimeField()
    actor = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    text = models.TextField(blank=True)

    class Meta:
        ordering = ("-at", "-id")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(
                    kind__in=[
                        "resolved", "reopened", "archived", "assigned", "noted", "merged",
                        "unmerged", "regressed", "returned", "settled", "regrouped",
                    ]
                ),
                name="groupevent_kind_known",
            )
        ]  # fmt: skip
        indexes: ClassVar = [
            models.Index(fields=["tenant", "group", "-at", "-id"], name="groupevent_history")
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.actor}"


class Regrouping(models.Model):
    """How far a tenant's stored failures were grouped anew, newest first.

    It is asked for when the grouping version or the tenant's rules change; the position is saved
    with each batch, so a run that was cut off goes on where it stopped.
    """

    tenant_id = models.UUIDField(primary_key=True)
    version = models.PositiveSmallIntegerField()
    reason = models.CharField(max_length=200)
    requested_at = models.DateTimeField()
    position_at = models.DateTimeField(null=True, help_text="All after this moment are done.")
    position_id = models.UUIDField(null=True)
    finished_at = models.DateTimeField(null=True)
    rows_seen = models.PositiveBigIntegerField(default=0)
    rows_changed = models.PositiveBigIntegerField(default=0)

    objects = TenantQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.reason}: {self.rows_changed} of {self.rows_seen}"
