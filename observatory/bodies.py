"""The largest body that any request may have, before Django spools it to the disk.

Django knows a limit for bodies that say their length; one that comes in chunks says none, and is
read to its end before a view can ask who sends it.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from observatory.api import PROBLEM, problem

# Twice what the largest of them, traces of n8n, may have: those are refused in OTLP's own words.
LARGEST = 16 * 1024 * 1024

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def limited(application: Application, *, largest: int = LARGEST) -> Application:
    """The application, whose requests are refused once they send more than this."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        came = 0

        async def counted() -> Mapping[str, Any]:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b"")) if message["type"] == "http.request" else 0
            if came <= largest:
                return message
            await _refuse(scope["path"], largest, send)
            return {"type": "http.disconnect"}

        await application(scope, counted, send)

    return guarded


async def _refuse(path: str, largest: int, send: Send) -> None:
    sentence = f"The body is more than {largest:,} bytes; send less at once."
    body = orjson.dumps(problem(413, [{"field": "", "detail": sentence}], path))
    headers = [(b"content-type", PROBLEM.encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
