"""Who may write for an environment: one lease, with an expiry and a fencing token.

The token grows with every lease, and each write checks it in its own transaction, so a worker
that was paused past its lease finds out at its next write and changes nothing. All times are the
database's.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from tenants.scope import tenant_scope

TERM = timedelta(seconds=60)
CRASHES_UNTIL_QUARANTINE = 3


class LeaseLost(Exception):
    """Another worker has taken the environment over; nothing may be written any more."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write for one environment."""

    tenant_id: UUID
    environment_id: UUID
    owner: str
    token: int


# A lease that was never given back tells of a turn that died. Three such in a row, with no page
# written in between, and something in this environment kills its worker.
ACQUIRE = """
UPDATE executions_syncstate SET
    lease_owner = %(owner)s,
    lease_expires_at = clock_timestamp() + %(term)s,
    fencing_token = fencing_token + 1,
    crashes = CASE WHEN lease_owner <> '' THEN crashes + 1 ELSE 0 END,
    quarantined_at = CASE WHEN lease_owner <> '' AND crashes + 1 >= %(limit)s
        THEN clock_timestamp() ELSE quarantined_at END,
    quarantine_reason = CASE WHEN lease_owner <> '' AND crashes + 1 >= %(limit)s
        THEN 'Its worker died ' || (crashes + 1)::text || ' times in a row without a page written.'
        ELSE quarantine_reason END
WHERE tenant_id = %(tenant)s AND environment_id = %(environment)s
  AND (lease_expires_at IS NULL OR lease_expires_at < clock_timestamp())
  AND quarantined_at IS NULL
RETURNING fencing_token, quarantined_at IS NOT NULL
"""
HOLD = """
UPDATE executions_syncstate SET lease_expires_at = clock_timestamp() + %(term)s, crashes = 0
WHERE tenant_id = %(tenant)s AND environment_id = %(environment)s
  AND fencing_token = %(token)s AND lease_owner = %(owner)s
"""
RELEASE = """
UPDATE executions_syncstate SET lease_owner = '', lease_expires_at = NULL, crashes = 0
WHERE tenant_id = %(tenant)s AND environment_id = %(environment)s
  AND fencing_token = %(token)s AND lease_owner = %(owner)s
"""


def acquire(*, tenant_id: UUID, environment_id: UUID, owner: str) -> Lease | None:
    """The lease, or None while another holds it or the environment is in quarantine."""
    parameters: dict[str, Any] = {
        "owner": owner,
        "term": TERM,
        "limit": CRASHES_UNTIL_QUARANTINE,
        "tenant": tenant_id,
        "environment": environment_id,
    }
    with tenant_scope(tenant_id), connection.cursor() as cursor:
        cursor.execute(ACQUIRE, parameters)
        found = cursor.fetchone()
    if found is None:
        return None
    token, is_quarantined = found
    lease = Lease(tenant_id, environment_id, owner, token)
    if is_quarantined:
        release(lease)
        return None
    return lease


def hold(lease: Lease) -> None:
    """Prove and prolong the lease inside the transaction of a write. Raises LeaseLost.

    The row stays locked until that transaction ends, so no two writes of one environment meet.
    """
    with connection.cursor() as cursor:
        cursor.execute(HOLD, _parameters(lease))
        if cursor.rowcount != 1:
            raise LeaseLost(f"The lease on environment {lease.environment_id} was taken over.")


def release(lease: Lease) -> None:
    """Give the lease back; one that was taken over already stays with its new owner."""
    with tenant_scope(lease.tenant_id), connection.cursor() as cursor:
        cursor.execute(RELEASE, _parameters(lease))


def _parameters(lease: Lease) -> dict[str, Any]:
    return {
        "tenant": lease.tenant_id,
        "environment": lease.environment_id,
        "owner": lease.owner,
        "token": lease.token,
        "term": TERM,
    }
