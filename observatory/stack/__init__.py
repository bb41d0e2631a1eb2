"""The embedded PostgreSQL and Valkey, and the supervisor, behind `manage.py up` and `test`.

The servers and processes are those of production, only started for you: nothing here is imported
by the web, the workers or beat.
"""

from pathlib import Path

NO_SPACE = "No space left on device"


class StackError(Exception):
    """Its text is the sentence for the person: what happened, to what, and what to do next."""


def disk_full(folder: Path) -> str:
    return f"The disk that holds {folder} is full: free some space and run this again."
