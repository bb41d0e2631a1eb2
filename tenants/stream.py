"""The event stream of a tenant: ``GET /api/v1/sse/counts/{tenant_id}``.

Exactly once and in order, as seen by id: what is called out is sent only where it follows on what
was sent before; otherwise the storage says what is missing. A stream holds neither a thread nor a
database connection while it waits. It ends after some minutes, and browsers come back by
themselves with the last id that they saw.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import structlog
from asgiref.sync import SyncToAsync
from django.conf import settings
from django.contrib.auth import get_user
from django.core.handlers.asgi import ASGIRequest
from django.db import DatabaseError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.http import require_GET
from django_eventstream.event import Event
from django_eventstream.storage import EventDoesNotExist
from django_eventstream.utils import (
    add_default_headers,
    get_channelmanager,
    get_storage,
    make_id,
    sse_encode_event,
)
from rest_framework.exceptions import APIException, NotAuthenticated, NotFound, Throttled
from rest_framework.renderers import JSONRenderer
from rest_framework.settings import api_settings

from tenants.listeners import LISTENERS, StreamListener
from tenants.realtime import Bearer, channel_of, return_connection
from tenants.tokens import find_token

log = structlog.get_logger(__name__)

HEARTBEAT = 15.0
CHECK_RIGHTS = 60.0
LIFE = (600.0, 900.0)
# A client that takes nothing for so long is let go; it may come back and read what it missed.
PATIENCE = 30.0
# Milliseconds after which a browser comes back: spread, so that a restart brings no stampede.
RETRY = (1000, 6000)
BATCH = 200
# An event, since scripts see no comments: by it a page knows that its line is not dead.
KEEP_ALIVE = "event: keep-alive\ndata: {}\n\n"
# All streams read with these, so that they take few of the database's connections.
READERS = ThreadPoolExecutor(4, thread_name_prefix="event-stream")


@dataclass(frozen=True, slots=True)
class Rights:
    """Who listens to which channel, and by which session."""

    user: Any
    channel: str
    session_key: str | None = None

    def hold(self) -> bool:
        """Whether they still may, as the database says now."""
        try:
            if self.session_key is not None and not self._is_signed_in():
                return False
            return bool(get_channelmanager().can_read_channel(self.user, self.channel))
        finally:
            return_connection()

    def _is_signed_in(self) -> bool:
        request = HttpRequest()
        sessions = import_module(settings.SESSION_ENGINE)
        request.session = sessions.SessionStore(self.session_key)
        return bool(get_user(request).pk == self.user.pk)


@require_GET
@transaction.non_atomic_requests
def counts(request: HttpRequest, tenant_id: UUID) -> HttpResponseBase:
    """Server-sent events; ``Last-Event-ID`` brings what was missed. Others' streams are 404."""
    user = _caller(request)
    if user is None:
        return _refusal(request, NotAuthenticated("Sign in or send a token."))
    session_key = None if isinstance(user, Bearer) else request.session.session_key
    rights = Rights(user, channel_of(tenant_id), session_key)
    if not _may_listen(rights, tenant_id):
        return _refusal(request, NotFound("There is no such tenant for you."))
    if not isinstance(request, ASGIRequest):
        # The end of it for a browser: a server of another kind would never finish the answer.
        return HttpResponse(status=204)
    most = settings.STREAMS_PER_USER
    listener = LISTENERS.open_for(user.pk, rights.channel, at_most=most)
    if listener is None:
        sentence = f"You have {most} open streams, as many as one may have; close one of them."
        return _refusal(request, Throttled(detail=sentence))
    stream = Stream(listener, rights, _last_event_id(request))
    response = StreamingHttpResponse(stream.told(), content_type="text/event-stream")
    add_default_headers(response, request=request)
    response["Cache-Control"] = "no-store"
    return response


def _caller(request: HttpRequest) -> Any:
    """The holder of the token that was sent, or the person who is signed in."""
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer":
        return request.user if request.user.is_authenticated else None
    try:
        with transaction.atomic():
            token = find_token(secret.strip())
    finally:
        return_connection()
    return token and Bearer(token)


def _refusal(request: HttpRequest, error: APIException) -> HttpResponseBase:
    """The body that every refusal of the API has; this view is none of the framework's."""
    handle: Any = api_settings.EXCEPTION_HANDLER
    answer = handle(error, {"request": request})
    answer.accepted_renderer, answer.accepted_media_type = JSONRenderer(), "application/json"
    answer.renderer_context = {}
    rendered: HttpResponseBase = answer.render()
    return rendered


def _may_listen(rights: Rights, tenant_id: UUID) -> bool:
    """Now. A token was just found, and is one tenant's: it need not be looked for again."""
    if isinstance(rights.user, Bearer):
        return bool(rights.user.token.tenant_id == tenant_id)
    return bool(get_channelmanager().can_read_channel(rights.user, rights.channel))


def _last_event_id(request: HttpRequest) -> str:
    """What a browser sends by itself, or a script that opened the stream anew."""
    return request.headers.get("Last-Event-ID") or request.GET.get("lastEventId", "")


def position_in(channel: str, last_event_id: str) -> int | None:
    """The number in an id of this channel; None for whatever is none (pure)."""
    name, _, number = last_event_id.rpartition(":")
    if unquote(name) != channel or not (number.isascii() and number.isdigit()):
        return None
    return int(number) if len(number) < 19 else None


class Stream:
    """What one client is told, from the id that it saw last."""

    def __init__(self, listener: StreamListener, rights: Rights, last_event_id: str) -> None:
        self.listener = listener
        self.rights = rights
        self.last_event_id = last_event_id
        # The number of the last event that the client has; None where it knows nothing yet.
        self.position = position_in(rights.channel, last_event_id)
        self.must_read = True

    async def told(self) -> AsyncIterator[str]:
        """The text of the stream, piece by piece."""
        loop = asyncio.get_running_loop()
        _release_thread()
        LISTENERS.begin_hearing()
        try:
            async for text in self._pieces(loop):
                letting_go = loop.call_later(PATIENCE, _cancel, asyncio.current_task())
                try:
                    yield text
                finally:
                    letting_go.cancel()
        except DatabaseError as error:
            # The client comes back with its last id, and so loses nothing.
            log.warning("event_stream_ended", reason=str(error))
        finally:
            LISTENERS.close(self.listener)

    async def _pieces(self, loop: asyncio.AbstractEventLoop) -> AsyncIterator[str]:
        yield f"retry: {random.randint(*RETRY)}\n\n"
        yield await self._beginning()
        ends_at = loop.time() + random.uniform(*LIFE)
        check_at = loop.time() + CHECK_RIGHTS * random.uniform(0.8, 1)
        while loop.time() < ends_at:
            if self.listener.must_check or loop.time() >= check_at:
                self.listener.must_check = False
                if not await _by_reader(self.rights.hold):
                    return
                check_at = loop.time() + CHECK_RIGHTS * random.uniform(0.8, 1)
            while self.must_read:
                if missed := await self._missed():
                    yield missed
            if not await self._wait(min(HEARTBEAT, max(check_at - loop.time(), 0))):
                yield KEEP_ALIVE
            elif news := self._news():
                yield news

    async def _beginning(self) -> str:
        """Where the client stands; a reset where that is unknown to us."""
        if self.position is not None:
            return ": resumed\n\n"
        storage = get_storage()
        self.position = await _by_reader(lambda: storage.get_current_id(self.rights.channel))
        return self._event("reset" if self.last_event_id else "open", "{}")

    async def _missed(self) -> str:
        """What the storage has after the position; ``must_read`` stays where that is not all."""
        # Whatever is called out from here on may not be in what is read.
        self.must_read = False
        storage, position = get_storage(), self.position
        try:
            events = await _by_reader(
                lambda: storage.get_events(self.rights.channel, position, limit=BATCH)
            )
        except EventDoesNotExist as error:
            self.position = error.current_id
            return self._event("reset", "{}")
        self.must_read = len(events) == BATCH
        return "".join(self._next(event) for event in events)

    async def _wait(self, seconds: float) -> bool:
        """Until something is called out; False where nothing was."""
        try:
            async with asyncio.timeout(seconds):
                await self.listener.called.wait()
        except TimeoutError:
            return False
        return True

    def _news(self) -> str:
        """What was called out and follows on the position; more than that must be read."""
        listener, text = self.listener, ""
        events, listener.events = listener.events, []
        self.must_read, listener.must_read = listener.must_read, False
        listener.called.clear()
        for event in sorted(events, key=lambda event: event.id):
            ahead = event.id - (self.position or 0)
            if ahead > 1:
                self.must_read = True
                break
            if ahead == 1:
                text += self._next(event)
        return text

    def _next(self, event: Event) -> str:
        self.position = event.id
        return self._event(event.type, event.data)

    def _event(self, kind: str, data: str) -> str:
        return text_of(self.rights.channel, self.position, kind, data)


# Hundreds of streams tell the same.
@lru_cache(maxsize=128)
def text_of(channel: str, number: int | None, kind: str, data: str) -> str:
    return str(sse_encode_event(kind, data, event_id=make_id({channel: number})))


async def _by_reader(work: Callable[[], Any]) -> Any:
    return await asyncio.get_running_loop().run_in_executor(READERS, work)


def _cancel(task: "asyncio.Task[Any] | None") -> None:
    if task is not None:
        task.cancel()


def _release_thread() -> None:
    """Django keeps a thread for each request until its end; a stream would hold it for hours."""
    context = SyncToAsync.thread_sensitive_context.get(None)
    executor = SyncToAsync.context_to_thread_executor.pop(context, None) if context else None
    if executor is not None:
        executor.shutdown(wait=False)
