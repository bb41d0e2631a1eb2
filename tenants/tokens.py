"""API tokens: made once, shown once, kept only as a digest."""

import hashlib
import re
import secrets
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from tenants.audit import Actor, record
from tenants.models import ApiToken, Role, Tenant, User
from tenants.realtime import recheck_rights
from tenants.scope import ENTER_BEARER, ENTERED_TENANT, require_transaction

PREFIX = "nobs_"
SHAPE = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")
USE_IS_NOTED_EVERY = timedelta(minutes=1)
TOKEN_FIELDS = [field.attname for field in ApiToken._meta.concrete_fields]
TENANT_FIELDS = [field.attname for field in Tenant._meta.concrete_fields]
# What every call of the API needs first, in one round trip: with many calls at once each wait for
# an answer is also one for the interpreter. Only of the row that is found the tenant is entered.
FIND = f"""
{ENTER_BEARER}, set_config('statement_timeout', %(timeout)s, true);
SELECT {", ".join(f"t.{name}" for name in TOKEN_FIELDS)},
    {", ".join(f"o.{name}" for name in TENANT_FIELDS)},
    {ENTERED_TENANT.format(tenant="t.tenant_id")}
FROM tenants_apitoken t JOIN tenants_tenant o ON o.id = t.tenant_id
WHERE t.digest = %(digest)s AND t.revoked_at IS NULL
  AND (t.expires_at IS NULL OR t.expires_at > %(now)s)
"""


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
    require_transaction()
    parameters: dict[str, Any] = {
        "digest": digest_of(secret),
        "now": timezone.now(),
        "timeout": str(settings.WEB_STATEMENT_TIMEOUT_MS),
    }
    with connection.cursor() as cursor:
        cursor.execute(FIND, parameters)
        cursor.nextset()
        row = cursor.fetchone()
    if row is None:
        return None
    token = ApiToken.from_db(connection.alias, TOKEN_FIELDS, row[: len(TOKEN_FIELDS)])
    token.tenant = Tenant.from_db(connection.alias, TENANT_FIELDS, row[len(TOKEN_FIELDS) : -1])
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
