"""Connecting, changing and removing environments; each change is audited."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models.functions import Now
from django.utils import timezone

from executions import leases
from executions.models import Environment, Execution, SyncRun, SyncState
from executions.n8n.addresses import AddressPolicy, parse_base_url
from executions.n8n.client import Limits, N8nClient
from executions.n8n.errors import N8nError
from executions.n8n.probe import ConnectionReport, examine
from tenants.audit import Actor, record
from tenants.encryption import SecretUnreadable
from tenants.models import Tenant
from tenants.realtime import Notice, publish_notice

# A person waits for the answer of a test.
TEST_LIMITS = Limits(connect_seconds=5, read_seconds=10, total_seconds=20)
MAXIMUM_KEY_LENGTH = 4000


def clean_base_url(text: str) -> str:
    """The address as it is stored. Raises ValidationError with a sentence."""
    try:
        return str(parse_base_url(text))
    except (ValueError, N8nError) as error:
        raise ValidationError({"base_url": str(error)}) from error


def clean_api_key(text: str) -> str:
    """The key without the blanks that copying adds. Raises ValidationError with a sentence."""
    key = text.strip()
    if not key or len(key) > MAXIMUM_KEY_LENGTH or not key.isascii() or not key.isprintable():
        raise ValidationError(
            {"api_key": "This is not an API key; copy one from n8n's Settings, n8n API."}
        )
    return key


def test_connection(*, base_url: str, api_key: str) -> ConnectionReport:
    """Try an address and a key without storing anything."""
    policy = AddressPolicy(allowed_networks=settings.ALLOWED_NETWORKS)
    with N8nClient(base_url, api_key, policy, limits=TEST_LIMITS) as client:
        return examine(client)


def connect_environment(
    *, tenant: Tenant, actor: Actor, name: str, base_url: str, api_key: str
) -> Environment:
    """Store a new environment; its first sync is due at once.

    Raises ValidationError where a value is not allowed or the name is taken.
    """
    environment = Environment(
        tenant=tenant,
        name=name.strip(),
        base_url=clean_base_url(base_url),
        api_key_set_at=timezone.now(),
    )
    _set_key(environment, api_key)
    _validate(environment)
    environment.save()
    SyncState.objects.create(tenant=tenant, environment=environment)
    record(
        tenant=tenant,
        actor=actor,
        action="connected environment",
        subject=environment,
        changes={"base_url": environment.base_url},
    )
    publish_notice(environment.tenant_id, Notice.ENVIRONMENT, environment.pk)
    return environment


def change_environment(environment: Environment, *, actor: Actor, **values: Any) -> None:
    """Change name, base_url, api_key or is_paused. Raises ValidationError."""
    changes: dict[str, Any] = {}
    if "api_key" in values:
        _set_key(environment, values.pop("api_key"))
        environment.api_key_set_at = timezone.now()
        changes["api_key"] = "replaced"
    if "base_url" in values:
        values["base_url"] = clean_base_url(values["base_url"])
    for name, value in values.items():
        if getattr(environment, name) != value:
            changes[name] = value
            setattr(environment, name, value)
    if not changes:
        return
    _validate(environment)
    environment.save()
    make_due(environment)
    record(
        tenant=environment.tenant,
        actor=actor,
        action="changed environment",
        subject=environment,
        changes=changes,
    )
    publish_notice(environment.tenant_id, Notice.ENVIRONMENT, environment.pk)


def _validate(environment: Environment) -> None:
    environment.full_clean(exclude=["tenant"])
    # Leaving out the tenant leaves out the constraint that it is part of.
    others = Environment.objects.for_tenant(environment.tenant_id).exclude(pk=environment.pk)
    if others.filter(name=environment.name).exists():
        raise ValidationError(
            {"name": f"“{environment.name}” is the name of another environment; take another one."}
        )


def _set_key(environment: Environment, api_key: str) -> None:
    key = clean_api_key(api_key)
    environment.api_key = key
    environment.api_key_last_four = key[-4:]


def remove_environment(environment: Environment, *, actor: Actor) -> None:
    """Forget an environment and everything that was copied from it."""
    leases.lock_out(tenant_id=environment.tenant_id, environment_id=environment.pk)
    record(
        tenant=environment.tenant,
        actor=actor,
        action="removed environment",
        subject=environment,
        changes={"base_url": environment.base_url},
    )
    publish_notice(environment.tenant_id, Notice.ENVIRONMENT, environment.pk)
    Execution.objects.for_tenant(environment.tenant_id).filter(
        environment_id=environment.pk
    ).delete()
    environment.delete()


def make_due(environment: Environment) -> None:
    """Let the next dispatch take the environment, and forget earlier failures."""
    SyncState.objects.for_tenant(environment.tenant_id).filter(environment=environment).update(
        due_at=Now(), failures=0
    )


def release_from_quarantine(environment: Environment, *, actor: Actor) -> None:
    """Let an environment be synced again whose worker had died again and again."""
    SyncState.objects.for_tenant(environment.tenant_id).filter(environment=environment).update(
        quarantined_at=None, quarantine_reason="", crashes=0, due_at=Now()
    )
    record(
        tenant=environment.tenant,
        actor=actor,
        action="released environment from quarantine",
        subject=environment,
    )
    publish_notice(environment.tenant_id, Notice.ENVIRONMENT, environment.pk)


def request_sync(environment: Environment, *, actor: Actor, whole_past: bool = False) -> SyncRun:
    """The open run of this kind, or a new one that waits for a worker. Enqueue after commit."""
    kind = SyncRun.Kind.HISTORY if whole_past else SyncRun.Kind.CYCLE
    runs = SyncRun.objects.for_tenant(environment.tenant_id).filter(
        environment=environment, kind=kind, state__in=SyncRun.OPEN
    )
    run = runs.first()
    if run is None:
        state = SyncState.objects.for_tenant(environment.tenant_id).get(environment=environment)
        run, _ = SyncRun.objects.get_or_create(
            tenant=environment.tenant,
            environment=environment,
            kind=kind,
            state=SyncRun.State.QUEUED,
            defaults={"requested_by": actor.label[:200], "epoch": state.epoch},
        )
    make_due(environment)
    return run


def key_is_readable(environment: Environment) -> bool:
    """Whether the stored key can be decrypted with the keys that are set."""
    try:
        return bool(environment.api_key)
    except SecretUnreadable:
        return False


def environment_of(tenant: Tenant, environment_id: UUID) -> Environment | None:
    return Environment.objects.for_tenant(tenant).filter(pk=environment_id).first()
