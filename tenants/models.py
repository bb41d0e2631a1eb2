"""Who uses Observatory and who may see what. Knows nothing of n8n."""

from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from tenants.ids import uuid7
from tenants.querysets import TenantQuerySet
from tenants.zones import validate_time_zone


class User(AbstractUser):
    """A person who signs in; what they may see is said by memberships."""

    time_zone = models.CharField(max_length=64, blank=True, validators=[validate_time_zone])


class Tenant(models.Model):
    """One customer, team or company: the border that no row crosses."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=200)
    time_zone = models.CharField(max_length=64, default="UTC", validators=[validate_time_zone])
    retention_days = models.PositiveIntegerField(
        default=7,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text="Executions older than this are deleted every night; numbers on charts stay.",
    )
    retention_min_kept = models.PositiveIntegerField(
        default=100,
        validators=[MaxValueValidator(1_000_000)],
        help_text="So many of the newest executions stay, however old they are.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(
        db_default=Now(),
        editable=False,
        help_text="When its members were last told of a change, or made one.",
    )

    class Meta:
        ordering = ("slug",)

    def __str__(self) -> str:
        return self.name


class TenantOwned(models.Model):
    """Base of every table whose rows belong to one tenant.

    The database's primary key is (id, tenant_id); Django sees the id alone, which keeps the
    admin working. Foreign keys between such tables carry the tenant and are made by SQL.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)

    objects = TenantQuerySet.as_manager()

    class Meta:
        abstract = True


class Role(models.TextChoices):
    """What a member or token may do; each role may also do what the ones before it may."""

    VIEWER = "viewer", "Viewer: sees everything"
    OPERATOR = "operator", "Operator: also starts syncs"
    ADMIN = "admin", "Admin: also changes environments, tokens and members"
    OWNER = "owner", "Owner: also changes owners and the tenant itself"

    @property
    def rank(self) -> int:
        return list(Role).index(self)

    def includes(self, other: "Role") -> bool:
        return self.rank >= other.rank


class Membership(TenantOwned):
    """A user's role in a tenant."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEWER)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "user"], name="membership_unique_user"),
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values), name="membership_role_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.tenant}: {self.role}"


class ApiToken(TenantOwned):
    """A secret for the API, good for one tenant and one role; only its digest is kept."""

    name = models.CharField(max_length=100)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEWER)
    digest = models.CharField(max_length=64, editable=False)
    last_four = models.CharField(max_length=4, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ("-created_at",)
        indexes: ClassVar = [models.Index(fields=["digest"], name="apitoken_digest")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "digest"], name="apitoken_unique_digest"),
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values), name="apitoken_role_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} (…{self.last_four})"

    @property
    def is_usable(self) -> bool:
        if self.revoked_at is not None:
            return False
        return self.expires_at is None or self.expires_at > timezone.now()


class AuditEntry(TenantOwned):
    """Who changed what. The application's role may add and read entries, nothing else."""

    at = models.DateTimeField(auto_now_add=True)
    actor = models.CharField(max_length=200)
    address = models.GenericIPAddressField(null=True)
    action = models.CharField(max_length=60)
    subject_type = models.CharField(max_length=60)
    subject_id = models.CharField(max_length=64)
    subject = models.CharField(max_length=200)
    changes = models.JSONField(default=dict)

    class Meta:
        ordering = ("-at",)
        verbose_name_plural = "audit entries"
        indexes: ClassVar = [models.Index(fields=["tenant", "-at"], name="auditentry_tenant_at")]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.subject}"
