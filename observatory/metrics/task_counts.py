"""How many tasks ended, how, and how long they took, counted in Redis.

Workers are processes on many machines that nobody can ask one by one; a counter in Redis is the
same for all of them and for whoever reads it. A Redis that is away loses counts and nothing else.
"""

import time
from typing import Any

import structlog
from celery.signals import task_postrun, task_prerun
from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

COUNTS, SPENT = "observatory:metrics:tasks", "observatory:metrics:task-seconds"
_began: dict[str, float] = {}


def store() -> "Redis":
    return Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=2)


@task_prerun.connect
def note_begin(task_id: str = "", **_: Any) -> None:
    _began[task_id] = time.monotonic()


@task_postrun.connect
def note_end(task_id: str = "", task: Any = None, state: str | None = None, **_: Any) -> None:
    seconds = time.monotonic() - _began.pop(task_id, time.monotonic())
    try:
        with store() as redis, redis.pipeline(transaction=False) as pipe:
            pipe.hincrby(COUNTS, f"{task.name}|{(state or 'unknown').lower()}", 1)
            pipe.hincrbyfloat(SPENT, task.name, seconds)
            pipe.execute()
    except (RedisError, OSError) as error:
        log.warning("task_not_counted", task=task.name, reason=str(error))


def counted() -> tuple[dict[tuple[str, str], int], dict[str, float]]:
    """Ended tasks by (name, state), and seconds spent by name. Raises RedisError."""
    with store() as redis, redis.pipeline(transaction=False) as pipe:
        pipe.hgetall(COUNTS)
        pipe.hgetall(SPENT)
        counts, spent = pipe.execute()
    names = [(*key.decode().rpartition("|")[::2], int(value)) for key, value in counts.items()]
    return (
        {(name, state): number for name, state, number in names},
        {key.decode(): float(value) for key, value in spent.items()},
    )
