"""How often the API may be called: a limit that remembers one number for each caller.

The REST framework's own remembers the moment of every call of the last minute, and reads and writes
all of them at each: a third of the time of a short answer at 600 a minute. This is the generic cell
rate algorithm (ITU-T I.371): what is kept is the moment at which the caller will have used up
nothing. A whole minute's calls may come at once, and afterwards one as soon as it has its turn. It
is worked out in Redis, so that no two calls at once count as one.
"""

from typing import Any

from rest_framework.throttling import SimpleRateThrottle

# Of now, the seconds of one call and those of all: by how much this call is early. A caller who has
# no call left would have used up nothing later than a whole duration from now.
TAKE_A_TURN = """
local now, each, duration = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local free_at = math.max(now, tonumber(redis.call("GET", KEYS[1]) or 0) or 0) + each
local early = free_at - duration - now
if early <= 0 then
  redis.call("SET", KEYS[1], string.format("%.6f", free_at), "PX", math.ceil(duration * 1000))
end
return tostring(early)
"""


class CellRateThrottle(SimpleRateThrottle):
    """Base of our limits; whoever is let in while the cache is away is not counted."""

    rate: str | None
    duration: int
    num_requests: int
    cache: Any
    early = 0.0

    def allow_request(self, request: Any, view: Any) -> bool:
        key = None if self.rate is None else self.get_cache_key(request, view)
        if key is None:
            return True
        each = self.duration / self.num_requests
        said = self.cache.run(TAKE_A_TURN, key, self.timer(), each, self.duration)
        self.early = float(said or 0)
        return self.early <= 0

    def wait(self) -> float:
        """Seconds until the next call is let in; call after a refusal."""
        return max(self.early, 0.0)


class CallerThrottle(CellRateThrottle):
    """So many calls of one token, or of one person."""

    scope = "user"

    def get_cache_key(self, request: Any, view: Any) -> str:
        caller = request.auth or request.user
        return f"calls:{caller.pk if caller else self.get_ident(request)}"
