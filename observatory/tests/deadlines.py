"""Waiting for other processes: as short as they allow, never longer than the deadline."""

import time
from collections.abc import Callable


def eventually(is_true: Callable[[], object], *, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.01)
