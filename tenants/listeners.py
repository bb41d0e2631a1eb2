"""Who listens in this process, and the ear at Redis that hears for all of them.

The library's listener dies for good when Redis is away for longer than its client tries again,
and nobody is told. Ours begins again for as long as it takes. Whatever was called out meanwhile is
stored: each time that it begins to hear, it lets every stream read the storage again, and see
whether it may go on.
"""

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Lock
from typing import Any
from weakref import WeakSet

import structlog
from django.conf import settings
from django_eventstream.event import Event
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tenants.realtime import REDIS_CHANNEL, RIGHTS_CHANGED

log = structlog.get_logger(__name__)
SILENCE = 10.0
FIRST_WAIT, LONGEST_WAIT = 0.2, 5.0
# Of one stream that does not keep up; the rest it reads from the storage.
MOST_WAITING = 10
CALLED_AT_ONCE = 50


class StreamListener:
    """One open stream of somebody; the stream takes what is here whenever it is called."""

    def __init__(self, channel: str, who: Any) -> None:
        self.channel = channel
        self.user_id = str(who)
        self.called = asyncio.Event()
        self.events: list[Event] = []
        self.must_read = False
        self.must_check = False

    def hear(self, event: Event) -> None:
        if len(self.events) < MOST_WAITING:
            self.events.append(event)
        else:
            self.must_read = True


class RedisEar:
    """Hears all events of all processes, through any outage of Redis."""

    def __init__(self, on_begin: Callable[[], None], on_message: Callable[[bytes], None]) -> None:
        self.on_begin, self.on_message = on_begin, on_message

    async def listen(self) -> None:
        """For ever; waits longer and longer between tries."""
        wait = FIRST_WAIT
        while True:
            try:
                async with Redis(**settings.EVENTSTREAM_REDIS) as client, client.pubsub() as pubsub:
                    await pubsub.subscribe(REDIS_CHANNEL)
                    wait = FIRST_WAIT
                    await self._hear(pubsub)
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("event_listener_lost_redis", reason=str(error), next_try=round(wait, 1))
            await asyncio.sleep(wait * random.uniform(0.5, 1))
            wait = min(wait * 2, LONGEST_WAIT)

    async def _hear(self, pubsub: Any) -> None:
        """Until the connection breaks, or is silent even when it is asked."""
        was_asked = False
        while True:
            message = await pubsub.get_message(timeout=SILENCE)
            if message is None and was_asked:
                raise TimeoutError("Redis does not answer")
            was_asked = message is None
            if was_asked:
                await pubsub.ping()
            elif message["type"] == "subscribe":
                # Also where the client connected anew by itself.
                self.on_begin()
            elif message["type"] == "message":
                self.on_message(message["data"])


class Listeners:
    """The streams of this process, by channel; who has how many; and their ear."""

    def __init__(self) -> None:
        self._lock = Lock()
        # Weakly: a stream whose client left before it began leaves no trace.
        self._of: defaultdict[str, WeakSet[StreamListener]] = defaultdict(WeakSet)
        self._ear = RedisEar(self.catch_up, self.hear)
        self._hearing: asyncio.Task[None] | None = None

    def open_for(self, who: Any, channel: str, *, at_most: int) -> StreamListener | None:
        """A listener for one more stream; None where this person or token has enough of them."""
        with self._lock:
            if sum(listener.user_id == str(who) for listener in self._all()) >= at_most:
                return None
            listener = StreamListener(channel, who)
            self._of[channel].add(listener)
            return listener

    def close(self, listener: StreamListener) -> None:
        with self._lock:
            self._of[listener.channel].discard(listener)

    def begin_hearing(self) -> None:
        """In the running loop, unless it is done already."""
        loop = asyncio.get_running_loop()
        task = self._hearing
        if task is None or task.done() or task.get_loop() is not loop:
            self._hearing = loop.create_task(self._ear.listen())

    def hear(self, message: bytes) -> None:
        """One message of Redis; what is no event of ours is passed over."""
        with suppress(ValueError, KeyError, TypeError):
            said = json.loads(message)
            if said["event_type"] == RIGHTS_CHANGED:
                self._check(said["data"])
                return
            event = Event(said["channel"], said["event_type"], said["data"], int(said["pub_id"]))
            with self._lock:
                listeners = list(self._of.get(event.channel, ()))
            for listener in listeners:
                listener.hear(event)
            self._call(listeners)

    def catch_up(self) -> None:
        """Something may have been missed: an event, or that somebody lost their rights."""
        with self._lock:
            listeners = self._all()
        for listener in listeners:
            listener.must_read = listener.must_check = True
        self._call(listeners)

    def _check(self, who: str) -> None:
        with self._lock:
            listeners = [listener for listener in self._all() if listener.user_id == who]
        for listener in listeners:
            listener.must_check = True
        self._call(listeners)

    def _all(self) -> list[StreamListener]:
        return [listener for listeners in self._of.values() for listener in listeners]

    def _call(self, listeners: Sequence[StreamListener]) -> None:
        """Some in each turn of the loop, so that requests have their turns between."""
        for listener in listeners[:CALLED_AT_ONCE]:
            listener.called.set()
        if others := listeners[CALLED_AT_ONCE:]:
            asyncio.get_running_loop().call_soon(self._call, others)


LISTENERS = Listeners()
