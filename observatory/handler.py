"""How a request is handled by the server, which is an event loop in front of threads."""

from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler


class Handler(ASGIHandler):
    """Runs all middlewares and the view in one thread.

    Django's own runs each middleware in the event loop, which hands its two halves to the thread
    of the request and waits: twenty changes between them, and half the time of a small answer.
    """

    _middleware_chain: Any

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)
        self._middleware_chain = sync_to_async(self._middleware_chain)
