"""What the cache keeps open, and for whom."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

from django.core.cache import caches
from django.core.cache.backends.redis import RedisCacheClient

from observatory.cache import RedisCache, client_of


def pool_of_this_thread(_):
    return caches["default"]._cache.get_client().connection_pool


def test_the_requests_of_a_process_share_their_connections():
    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(pool_of_this_thread, range(3)))

    assert all(pool is found[0] for pool in found)


def test_threads_that_ask_first_at_one_moment_get_one_client(monkeypatch):
    second = Event()

    class Slow(RedisCacheClient):
        made = 0

        def __init__(self, *arguments, **options):
            Slow.made += 1
            # Whoever makes the first gives others the time to make one as well.
            second.wait(0.1) if Slow.made == 1 else second.set()
            super().__init__(*arguments, **options)

    monkeypatch.setattr("observatory.cache.redis.RedisCacheClient", Slow)
    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(client_of, [("redis://127.0.0.1:3",)] * 3))

    assert all(client is found[0] for client in found)
    assert Slow.made == 1


def test_other_servers_have_connections_of_their_own():
    assert client_of(("redis://127.0.0.1:1",)) is not client_of(("redis://127.0.0.1:2",))


def test_who_asks_goes_on_where_redis_is_away():
    away = RedisCache("redis://127.0.0.1:1", {})
    away.set("a", 1)

    assert away.get("a", "none") == "none"
    assert away.run("return 1", "a") is None
