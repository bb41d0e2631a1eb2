"""The cache: what Redis remembers may be gone at any time, and so may Redis.

Nothing but limits and a heartbeat is kept there, so whoever asks goes on without it.
"""

import json
from functools import cached_property
from threading import Condition
from typing import Any

import structlog
from cachetools import cached
from django.core.cache.backends import redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

log = structlog.get_logger(__name__)

# A Redis that is silent must not make every answer slow.
OPTIONS: dict[str, Any] = {
    "serializer": "observatory.cache.JsonSerializer",
    "socket_connect_timeout": 1,
    "socket_timeout": 1,
    "retry": Retry(NoBackoff(), 0),
}


class JsonSerializer:
    """Instead of pickles: what somebody else wrote into Redis must not run here."""

    def dumps(self, value: Any) -> str:
        return json.dumps(value)

    def loads(self, data: bytes) -> Any:
        return json.loads(data)


class RedisCache(redis.RedisCache):
    """Forgets where Redis does not answer or holds nonsense."""

    _servers: list[str]

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, {**params, "OPTIONS": OPTIONS})

    @cached_property
    def _cache(self) -> redis.RedisCacheClient:
        """Django makes a cache for each thread, and each request is a thread: what is connected
        outlives them.
        """
        return client_of(tuple(self._servers))

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        try:
            return super().get(key, default, version)
        except (RedisError, OSError, ValueError) as error:
            log.warning("cache_not_read", reason=str(error))
            return default

    def set(self, key: str, value: Any, *arguments: Any, **options: Any) -> None:
        try:
            super().set(key, value, *arguments, **options)
        except (RedisError, OSError) as error:
            log.warning("cache_not_written", reason=str(error))

    def run(self, script: str, key: str, *arguments: float) -> str | None:
        """What a script in Lua says of the value at a key, in one step and one way to Redis."""
        try:
            client = self._cache.get_client(key, write=True)
            said: bytes = client.register_script(script)(
                [self.make_and_validate_key(key)], arguments
            )
        except (RedisError, OSError) as error:
            log.warning("cache_script_not_run", reason=str(error))
            return None
        return said.decode()


@cached({}, condition=Condition())
def client_of(servers: tuple[str, ...]) -> redis.RedisCacheClient:
    """The process's one client of these servers; threads may share it, and a fork begins anew."""
    client = redis.RedisCacheClient(list(servers), **OPTIONS)
    # Its pool is made when it is asked for, which two threads may do at one moment.
    client.get_client(write=True)
    return client
