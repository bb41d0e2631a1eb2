"""Events for open pages and API clients: what is told, to whom, and never at the sender's cost.

Each tenant has one channel. The library's own manager lets everybody read everything; ours denies
whatever it does not know. An event is sent after commit, and a Redis that is away is logged and
nothing more: what the event tells of is in the database.
"""

from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError, connection, transaction
from django_eventstream import send_event
from django_eventstream.channelmanager import DefaultChannelManager
from django_eventstream.storage import DjangoModelStorage
from redis.exceptions import RedisError

from tenants.models import ApiToken, Membership
from tenants.scope import tenant_scope

log = structlog.get_logger(__name__)
PREFIX = "tenant-"


def channel_of(tenant_id: UUID) -> str:
    return f"{PREFIX}{tenant_id}"


def publish(tenant_id: UUID, kind: str, data: dict[str, Any]) -> None:
    """Tell the tenant's listeners, once the current transaction is committed."""
    transaction.on_commit(lambda: _send(tenant_id, kind, data))


def _send(tenant_id: UUID, kind: str, data: dict[str, Any]) -> None:
    try:
        send_event(channel_of(tenant_id), kind, data)
    except (RedisError, DatabaseError, OSError) as error:
        log.warning("event_not_sent", tenant=str(tenant_id), kind=kind, reason=str(error))


class Listener:
    """Whoever holds a token, in the place where the library expects a user."""

    is_authenticated = True

    def __init__(self, token: ApiToken) -> None:
        self.pk = self.id = str(token.pk)
        self.token = token


class TenantChannels(DefaultChannelManager):  # type: ignore[misc]
    """Who may listen: members of the tenant and holders of its tokens, as of now."""

    def can_read_channel(self, user: Any, channel: str) -> bool:
        tenant_id = _tenant_of(channel)
        if user is None or tenant_id is None:
            return False
        try:
            with tenant_scope(tenant_id):
                return _is_entitled(user, tenant_id)
        finally:
            return_connection()

    def is_channel_reliable(self, channel: str) -> bool:
        return True


def _tenant_of(channel: str) -> UUID | None:
    try:
        return UUID(channel.removeprefix(PREFIX)) if channel.startswith(PREFIX) else None
    except ValueError:
        return None


def _is_entitled(user: Any, tenant_id: UUID) -> bool:
    if isinstance(user, Listener):
        token = ApiToken.objects.for_tenant(tenant_id).filter(pk=user.token.pk).first()
        return token is not None and token.is_usable
    found = Membership.objects.for_tenant(tenant_id).filter(user_id=user.pk, user__is_active=True)
    return bool(found.exists())


def return_connection() -> None:
    """Give this thread's connection back, unless somebody's transaction is open on it."""
    if not connection.in_atomic_block:
        connection.close()


class ReturningStorage(DjangoModelStorage):  # type: ignore[misc]
    """Stored events; gives the connection back after each read.

    A stream reads in a thread of its own and then waits for hours. Keeping the connection there
    would take one of PostgreSQL's for each listener.
    """

    def get_events(self, channel: str, last_id: int, limit: int = 100) -> Any:
        try:
            return super().get_events(channel, last_id, limit)
        finally:
            return_connection()

    def get_current_id(self, channel: str) -> Any:
        try:
            return super().get_current_id(channel)
        finally:
            return_connection()
