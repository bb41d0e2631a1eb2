"""n8n servers and the workflows that they list."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from tenants.fields import EncryptedTextField
from tenants.models import TenantOwned


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
