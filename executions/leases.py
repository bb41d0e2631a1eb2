"""Who may write for an environment: one lease, with an expiry and a fencing token.

The token grows with every lease, and each write checks it in its own transaction, so a worker
that was paused past its lease finds out at its next write and changes nothing. All times are the
database's, so that a machine whose clock jumps neither holds up nor hurries anything.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from tenants.scope import ENTER_TENANT, tenant_scope

TERM = timedelta(seconds=60)
CRASHES_UNTIL_QUARANTINE = 3


class LeaseLost(Exception):
    """Another worker has taken the environment over; nothing may be written any more."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write for one environment, and the database's clock for who holds it."""

    tenant_id: UUID
    environment_id: UUID
    owner: str
    token: int
    acquired_at: datetime
    _began: float = field(default_factory=time.monotonic)

    @property
    def now(self) -> datetime:
        return self.acquired_at + timedelta(seconds=time.monotonic() - self._began)


# A lease that was never given back tells of a turn that died. Three such in a row at the same
# place, and something in this environment kills its worker; one that is killed from outside dies
# at another place each time. A row that is locked is being written: its lease lives.
ACQUIRE = """
WITH before AS (
    SELECT id, crashed.times, crashed.times >= %(limit)s AS is_poison
    FROM executions_syncstate, LATERAL (SELECT CASE
        WHEN lease_owner = '' THEN 0 WHEN lease_place = crash_place THEN crashes + 1 ELSE 1
    END AS times) crashed
    WHERE tenant_id = %(tenant)s AND environment_id = %(environment)s
      AND (lease_expires_at IS NULL OR lease_expires_at < clock_timestamp())
      AND quarantined_at IS NULL
    FOR UPDATE OF executions_syncstate SKIP LOCKED
)
UPDATE executions_syncstate s SET
    lease_owner = CASE WHEN is_poison THEN '' ELSE %(owner)s END,
    lease_expires_at = CASE WHEN NOT is_poison THEN clock_timestamp() + %(term)s END,
    fencing_token = fencing_token + 1,
    crashes = times,
    crash_place = CASE WHEN times > 0 THEN lease_place ELSE '' END,
    lease_place = '',
    quarantined_at = CASE WHEN is_poison THEN clock_timestamp() END,
    quarantine_reason = CASE WHEN is_poison
        THEN 'Copying died ' || times || ' times in a row at the same place' ||
            coalesce(' (' || nullif(crash_reason, '') || ')', '') || '.'
        ELSE '' END
FROM before
WHERE s.tenant_id = %(tenant)s AND s.id = before.id
RETURNING fencing_token, is_poison, clock_timestamp()
"""
# Whoever writes rows of an environment without a lease, as a push does, waits for this lock and not
# for the row: a row that it held would make ACQUIRE believe in a living lease.
ROWS_LOCK = "pg_advisory_xact_lock(hashtextextended(%(environment)s::text, 0))"
# A worker that stands still for good within a write would lock the row for ever.
HOLD = f"""
{ENTER_TENANT};
UPDATE executions_syncstate SET
    lease_expires_at = clock_timestamp() + %(term)s,
    lease_place = coalesce(%(place)s, lease_place)
WHERE tenant_id = %(tenant)s AND environment_id = %(environment)s
  AND fencing_token = %(token)s AND lease_owner = %(owner)s
RETURNING set_config('idle_in_transaction_session_timeout', %(term_ms)s, true), {ROWS_LOCK}
"""
RELEASE = """
UPDATE executions_syncstate SET
    lease_owner = '', lease_expires_at = NULL, dispatched_at = NULL,
    crashes = 0, crash_place = '', crash_reason = ''
WHERE tenant_id = %(tenant)s AND environment_id = %(environment)s
  AND fencing_token = %(token)s AND lease_owner = %(owner)s
"""
# Left as a turn that died leaves it, so that the next one counts it, but without the wait.
ABANDON = """
UPDATE executions_syncstate SET lease_expires_at = '-infinity', crash_reason = %(reason)s
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
    token, is_quarantined, now = found
    return None if is_quarantined else Lease(tenant_id, environment_id, owner, token, now)


@contextmanager
def writing(lease: Lease, place: str | None = None) -> Iterator[None]:
    """A transaction of the lease's tenant that proves and prolongs it first. Raises LeaseLost.

    The row stays locked until the transaction ends, so no two writes of one environment meet.
    ``place`` says what is done next, for the case that it kills the worker.
    """
    term_ms = str(round(TERM.total_seconds() * 1000))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(HOLD, _parameters(lease) | {"place": place, "term_ms": term_ms})
        cursor.nextset()
        if cursor.rowcount != 1:
            raise LeaseLost(f"The lease on environment {lease.environment_id} was taken over.")
        yield


def lock_rows(environment_id: UUID) -> None:
    """Keep every other writer from the environment's rows until this transaction ends.

    For writes that need no lease, because they touch neither position nor coverage nor epoch.
    Nothing that the lease's row is needed for may follow in the same transaction.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {ROWS_LOCK}", {"environment": environment_id})


def lock_out(*, tenant_id: UUID, environment_id: UUID) -> None:
    """Keep workers and pushes out until this transaction ends; locked in the order that they do."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM executions_syncstate"
            " WHERE tenant_id = %(tenant)s AND environment_id = %(environment)s FOR UPDATE",
            {"tenant": tenant_id, "environment": environment_id},
        )
    lock_rows(environment_id)


def release(lease: Lease) -> None:
    """Give the lease back; one that was taken over already stays with its new owner."""
    with tenant_scope(lease.tenant_id), connection.cursor() as cursor:
        cursor.execute(RELEASE, _parameters(lease))


def abandon(lease: Lease, reason: str) -> None:
    """Give the lease back after a turn that failed in a way nobody foresaw."""
    with tenant_scope(lease.tenant_id), connection.cursor() as cursor:
        cursor.execute(ABANDON, _parameters(lease) | {"reason": reason})


def _parameters(lease: Lease) -> dict[str, Any]:
    return {
        "tenant": lease.tenant_id,
        "environment": lease.environment_id,
        "owner": lease.owner,
        "token": lease.token,
        "term": TERM,
    }
