"""Whether this worker was asked to stop: a turn then ends at its next page.

Celery waits for tasks that run, but tells the processes that run them nothing. So the parent
writes one byte of memory that it shares with all processes forked from it.
"""

import mmap
from typing import Any

from celery.signals import worker_shutting_down

_shared = mmap.mmap(-1, 1)


@worker_shutting_down.connect
def tell_children(**_: Any) -> None:
    _shared[0] = 1


def is_stopping() -> bool:
    return _shared[0] == 1
