"""Whether the static files were collected as they are: that is the slowest step of `up`."""

import hashlib
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders

from observatory.bootstrap import PROJECT, RUNTIME, digest


def is_collected(files: str) -> bool:
    """Whether these are the files collected last; they are named by their fingerprint."""
    try:
        return stamp().read_text(encoding="utf-8") == files
    except FileNotFoundError:
        return False


def note_collected(files: str) -> None:
    stamp().write_text(files, encoding="utf-8")


def stamp() -> Path:
    """Beside the files, so that it goes when they go."""
    return Path(settings.STATIC_ROOT) / "collected.sha256"


def fingerprint() -> str:
    """Changes with every file that would be collected and with what collects them."""
    found = [*(digest(PROJECT / name) for name in RUNTIME)]
    for finder in get_finders():
        for name, storage in finder.list(ignore_patterns=[]):
            file = Path(storage.path(name)).stat()
            found.append(f"{name} {file.st_size} {file.st_mtime_ns}")
    return hashlib.sha256("\n".join(sorted(found)).encode()).hexdigest()
