"""Events for open pages and API clients: what is told, to whom, and never at the sender's cost.

Each tenant has one channel. The library's own manager lets everybody read everything; ours denies
whatever it does not know. An event is stored after commit and then called out by Redis; where
Redis is away, that is logged and nothing more: listeners read what was stored when it is back.
"""

import json
from enum import StrEnum
from typing import Any
from uuid import UUID

import structlog
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DatabaseError, connection, transaction
from django_eventstream import eventstream, send_event
from django_eventstream.channelmanager import DefaultChannelManager
from django_eventstream.storage import DjangoModelStorage
from redis.exceptions import RedisError

from tenants.changes import mark_changed
from tenants.models import ApiToken, Membership
from tenants.scope import tenant_scope

log = structlog.get_logger(__name__)
PREFIX = "tenant-"
# The one on which the library's senders and listeners meet.
REDIS_CHANNEL = "events_channel"
# Said among the processes only, never to a client.
RIGHTS_CHANGED = "rights.changed"
MAX_BYTES = 16 * 1024


class Notice(StrEnum):
    """Kinds of things of which a page is told that they changed; it reads them again."""

    ENVIRONMENT = "environment"
    GROUP = "group"
    INCIDENT = "incident"


def channel_of(tenant_id: UUID) -> str:
    return f"{PREFIX}{tenant_id}"


def publish(tenant_id: UUID, kind: str, data: dict[str, Any]) -> None:
    """Tell the tenant's listeners, once the current transaction is committed."""
    transaction.on_commit(lambda: tell(tenant_id, kind, data))


def publish_notice(tenant_id: UUID, about: Notice, subject_id: Any) -> None:
    """Say that something changed, and not how: what may be seen of it is said by its view."""
    publish(tenant_id, "notice", {"about": about.value, "id": str(subject_id)})


def tell(tenant_id: UUID, kind: str, data: dict[str, Any]) -> bool:
    """Store an event and call it out now; whether it was stored. Raises nothing of the way.

    Whoever is told and asks gets an answer that was made afterwards.
    """
    body = json.dumps(data, cls=DjangoJSONEncoder)
    if len(body) > MAX_BYTES:
        log.error("event_too_large", tenant=str(tenant_id), kind=kind, bytes=len(body))
        return False
    try:
        mark_changed(tenant_id)
        send_event(channel_of(tenant_id), kind, body, json_encode=False)
    except (DatabaseError, RedisError, OSError) as error:
        log.warning("event_not_sent", tenant=str(tenant_id), kind=kind, reason=str(error))
        return not isinstance(error, DatabaseError)
    return True


def recheck_rights(who: Any) -> None:
    """Let every process look at once whether this person's or token's streams may go on."""
    message = {"channel": "", "event_type": RIGHTS_CHANGED, "data": str(who), "pub_id": None}
    try:
        eventstream.redis_client.publish(REDIS_CHANNEL, json.dumps(message))
    except (RedisError, OSError) as error:
        # They are looked at every minute in any case.
        log.warning("recheck_not_sent", reason=str(error))


class Bearer:
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
    if isinstance(user, Bearer):
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

    Streams read by a few threads and then wait for hours: a connection kept there would be one of
    PostgreSQL's for nothing.
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

    def trim_event_log(self) -> None:
        """Not at each event: beat does it (tenants.tasks)."""
