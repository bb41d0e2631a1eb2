"""API tokens: made once, shown once, kept only as a digest."""

import hashlib
import re
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from tenants.audit import Actor, record
from tenants.models import ApiToken, Role, Tenant, User
from tenants.realtime import recheck_rights
from tenants.scope import enter_bearer, enter_tenant

PREFIX = "nobs_"
SHAPE = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")
USE_IS_NOTED_EVERY = timedelta(minutes=1)


def digest_of(secret: str) -> str:
    """SHA-256; a random key of 256 bits needs no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def create_token(
    *,
    tenant: Tenant,
    name: str,
    role: Role,
    created_by: User | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiToken, str]:
    """A new token and its secret, which cannot be read again. Call inside the tenant's scope."""
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        tenant=tenant,
        name=name,
        role=role,
        digest=digest_of(secret),
        last_four=secret[-4:],
        created_by=created_by,
        expires_at=expires_at,
    )
    return token, secret


def revoke_token(token: ApiToken, *, actor: Actor) -> bool:
    """End a token at once; False where it had ended before."""
    found = ApiToken.objects.for_tenant(token.tenant_id).filter(pk=token.pk, revoked_at=None)
    if not found.update(revoked_at=timezone.now()):
        return False
    record(tenant=token.tenant, actor=actor, action="revoked token", subject=token)
    # A conditional UPDATE is no signal to the receivers.
    transaction.on_commit(lambda: recheck_rights(token.pk))
    return True


def find_token(secret: str) -> ApiToken | None:
    """The usable token with this secret, whose tenant the transaction then sees."""
    if not SHAPE.fullmatch(secret):
        return None
    digest = digest_of(secret)
    enter_bearer(digest, statement_timeout_ms=settings.WEB_STATEMENT_TIMEOUT_MS)
    found = ApiToken.objects.select_related("tenant").filter(digest=digest, revoked_at=None)
    # At most one has it; an order would only be worked out at each call.
    token: ApiToken | None = next(iter(found.order_by()), None)
    if token is None or not token.is_usable:
        return None
    enter_tenant(token.tenant_id)
    _note_use(token)
    return token


def _note_use(token: ApiToken) -> None:
    """A busy token costs one write a minute and not one a request, whichever process it asks."""
    now = timezone.now()
    if token.last_used_at is not None and token.last_used_at >= now - USE_IS_NOTED_EVERY:
        return
    ApiToken.objects.for_tenant(token.tenant_id).filter(pk=token.pk).filter(
        Q(last_used_at=None) | Q(last_used_at__lt=now - USE_IS_NOTED_EVERY)
    ).update(last_used_at=now)
