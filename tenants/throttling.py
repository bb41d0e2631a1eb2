"""How often the API may be called: a limit that remembers one number for each caller.

The REST framework's own remembers the moment of every call of the last minute, and reads and writes
all of them at each: a third of the time of a short answer at 600 a minute. This is the generic cell
rate algorithm (ITU-T I.371): what is kept is the moment at which the caller will have used up
nothing. A whole minute's calls may come at once, and afterwards one as soon as it has its turn.
"""

from typing import Any

from rest_framework.throttling import SimpleRateThrottle


class CellRateThrottle(SimpleRateThrottle):
    """Base of our limits; whoever is let in while the cache is away is not counted."""

    rate: str | None
    duration: int
    num_requests: int
    turn = 0.0

    def allow_request(self, request: Any, view: Any) -> bool:
        key = None if self.rate is None else self.get_cache_key(request, view)
        if key is None:
            return True
        now = self.timer()
        each = self.duration / self.num_requests
        kept = self.cache.get(key)
        free_at = max(now, kept) if isinstance(kept, int | float) else now
        # No later than this many seconds from now, or the caller has no call left.
        self.turn = free_at + each - self.duration - now
        if self.turn > 0:
            return False
        self.cache.set(key, free_at + each, self.duration)
        return True

    def wait(self) -> float:
        """Seconds until the next call is let in; call after a refusal."""
        return max(self.turn, 0.0)


class CallerThrottle(CellRateThrottle):
    """So many calls of one token, or of one person."""

    scope = "user"

    def get_cache_key(self, request: Any, view: Any) -> str:
        caller = request.auth or request.user
        return f"calls:{caller.pk if caller else self.get_ident(request)}"
