"""The record of who changed what."""

from dataclasses import dataclass
from typing import Any

from django.db import models

from tenants.models import AuditEntry, Tenant


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever acts: a person, a token, or the system itself."""

    label: str
    address: str | None = None


SYSTEM = Actor("system")
COMMAND_LINE = Actor("command line")


def record(
    *,
    tenant: Tenant,
    actor: Actor,
    action: str,
    subject: models.Model,
    changes: dict[str, Any] | None = None,
) -> None:
    """Add an entry, in the transaction of the change itself. Never pass a secret in changes."""
    AuditEntry.objects.create(
        tenant=tenant,
        actor=actor.label[:200],
        address=actor.address,
        action=action,
        subject_type=subject._meta.model_name or "",
        subject_id=str(subject.pk),
        subject=str(subject)[:200],
        changes=changes or {},
    )
