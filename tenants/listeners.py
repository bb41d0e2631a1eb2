"""Who listens in this process, and the ear at Redis that hears for all of them.

The library's listener dies for good when Redis is away for longer than its client tries again,
and nobody is told. Ours begins again for as long as it takes. Whatever was called out meanwhile is
stored: each time that it begins to hear, it lets every stream read the storage again.
"""

import asyncio
import json
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from weakref import WeakSet

import structlog
from django.conf import settings
from django_eventstream.event import Event
from django_eventstream.views import Listener, ListenerManager, RedisListener
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tenants.realtime import REDIS_CHANNEL, RIGHTS_CHANGED

log = structlog.get_logger(__name__)
SILENCE = 10.0
FIRST_WAIT, LONGEST_WAIT = 0.2, 5.0


class StreamListener(Listener):  # type: ignore[misc]
    """One open stream of somebody. ``overflow`` means: read the storage before going on."""

    def __init__(self, channel: str, who: Any) -> None:
        super().__init__()
        self.channel = channel
        self.channels = {channel}
        self.user_id = str(who)
        self.must_check = False


class RedisEar(RedisListener):  # type: ignore[misc]
    """Hears all events of all processes, through any outage of Redis."""

    def __init__(self, on_begin: Callable[[], None], on_message: Callable[[bytes], None]) -> None:
        # Not the library's: its client belongs to the first event loop that it met.
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


class Listeners(ListenerManager):  # type: ignore[misc]
    """The library's manager with an ear that lives, and with a count of each one's streams."""

    def __init__(self) -> None:
        super().__init__()
        self.redis_listener = RedisEar(self.read_again, self.hear)
        self._hearing: asyncio.Task[None] | None = None
        # Weakly: a stream whose client left before it began leaves no trace.
        self._open: WeakSet[StreamListener] = WeakSet()

    def open_for(self, who: Any, channel: str, *, at_most: int) -> StreamListener | None:
        """A listener for one more stream; None where this person or token has enough of them."""
        with self.lock:
            if sum(listener.user_id == str(who) for listener in self._open) >= at_most:
                return None
            listener = StreamListener(channel, who)
            self._open.add(listener)
            return listener

    def close(self, listener: StreamListener) -> None:
        with self.lock:
            self._open.discard(listener)

    def add_listener(self, listener: StreamListener) -> None:
        self._begin_hearing()
        # The library begins its own listener here, unless one is said to be there.
        self.redis_listener_started = True
        super().add_listener(listener)

    def _begin_hearing(self) -> None:
        loop = asyncio.get_running_loop()
        task = self._hearing
        if task is None or task.done() or task.get_loop() is not loop:
            self._hearing = loop.create_task(self.redis_listener.listen())

    def hear(self, message: bytes) -> None:
        """One message of Redis; what is no event of ours is passed over."""
        with suppress(ValueError, KeyError, TypeError):
            said = json.loads(message)
            if said["event_type"] == RIGHTS_CHANGED:
                self._each(lambda listener: listener.user_id == said["data"], "must_check")
                return
            event = Event(said["channel"], said["event_type"], said["data"], int(said["pub_id"]))
            self.add_to_queues(said["channel"], event)

    def read_again(self) -> None:
        """Something may have been missed."""
        self._each(lambda _: True, "overflow")

    def _each(self, concerns: Callable[[StreamListener], bool], flag: str) -> None:
        with self.lock:
            found = [one for channel in self.listeners_by_channel.values() for one in channel]
            for listener in filter(concerns, found):
                setattr(listener, flag, True)
                listener.wake_threadsafe()
