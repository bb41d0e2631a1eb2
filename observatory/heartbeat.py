"""That the timetable runs: beat asks every few seconds, a worker answers, Redis keeps when.

One value shows three things at once: beat is alive, the broker carries tasks, a worker takes them.
"""

import time

from django.core.cache import cache

KEY = "heartbeat"
LATE_AFTER_SECONDS = 60.0


def beat_once() -> None:
    cache.set(KEY, time.time(), timeout=None)


def age_seconds() -> float | None:
    """Since the last beat; None where there was none, or where Redis is away or holds nonsense."""
    last = cache.get(KEY)
    if not isinstance(last, int | float):
        return None
    return max(time.time() - last, 0.0)
