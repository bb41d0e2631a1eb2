"""The secret with which one n8n may send: made once, shown once, kept only as a digest."""

import secrets
from uuid import UUID

from django.db.models import Case, F, When
from django.utils import timezone

from executions.models import Environment
from executions.push.models import PushToken
from tenants.audit import Actor, record
from tenants.scope import enter_tenant, operator_scope
from tenants.tokens import digest_of

PREFIX = "nobp_"
LONGEST = 100


def issue_token(environment: Environment, *, actor: Actor) -> tuple[PushToken, str]:
    """A new token and its secret; the one before is good for nothing from then on."""
    secret = PREFIX + secrets.token_urlsafe(32)
    token, is_first = PushToken.objects.update_or_create(
        tenant_id=environment.tenant_id,
        environment_id=environment.pk,
        defaults={
            "digest": digest_of(secret),
            "last_four": secret[-4:],
            "issued_at": timezone.now(),
            "revoked_at": None,
            "last_used_at": None,
        },
    )
    action = "issued push token" if is_first else "rotated push token"
    record(tenant=environment.tenant, actor=actor, action=action, subject=environment)
    return token, secret


def revoke_token(environment: Environment, *, actor: Actor) -> None:
    """Nothing is taken from this n8n any more; what came before stays."""
    tokens = PushToken.objects.for_tenant(environment.tenant_id)
    usable = tokens.filter(environment_id=environment.pk, revoked_at=None)
    if usable.update(revoked_at=timezone.now()):
        record(
            tenant=environment.tenant, actor=actor, action="revoked push token", subject=environment
        )


def find_token(secret: str) -> PushToken | None:
    """The usable token with this secret, whose tenant the transaction then sees."""
    if not secret.startswith(PREFIX) or len(secret) > LONGEST:
        return None
    with operator_scope():
        token: PushToken | None = (
            PushToken.objects.select_related("tenant")
            .filter(digest=digest_of(secret), revoked_at=None)
            .first()
        )
    if token is not None:
        enter_tenant(token.tenant_id)
    return token


def token_of(environment: Environment) -> PushToken | None:
    tokens = PushToken.objects.for_tenant(environment.tenant_id)
    return tokens.filter(environment_id=environment.pk).first()


def note_arrival(token: PushToken, *, by: str, runs: int) -> None:
    """That something came and how much; ``by`` is traces_at or errors_at."""
    now = timezone.now()
    today = now.date()
    before = Case(When(counted_on=today, then=F("runs_counted")), default=0)
    PushToken.objects.for_tenant(token.tenant_id).filter(pk=token.pk).update(
        **{by: now}, last_used_at=now, counted_on=today, runs_counted=before + runs
    )


def runs_today(token: PushToken) -> int:
    return token.runs_counted if token.counted_on == timezone.now().date() else 0


def tokens_of(tenant_id: UUID) -> dict[UUID, PushToken]:
    return {token.environment_id: token for token in PushToken.objects.for_tenant(tenant_id)}
