"""What an examination found, and how it is told."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from django.db import DatabaseError
from redis.exceptions import RedisError


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what was seen, and what to do where that is not well."""

    level: Level
    subject: str
    seen: str
    cure: str = ""


Examination = Callable[[], Iterable[Finding]]


def ok(subject: str, seen: str) -> Finding:
    return Finding(Level.OK, subject, seen)


def warning(subject: str, seen: str, cure: str) -> Finding:
    return Finding(Level.WARNING, subject, seen, cure)


def fault(subject: str, seen: str, cure: str) -> Finding:
    return Finding(Level.FAULT, subject, seen, cure)


def examine(examinations: Iterable[tuple[str, Examination]]) -> list[Finding]:
    """All findings; a server that is away is a finding too, and the others are still asked."""
    found: list[Finding] = []
    for subject, examination in examinations:
        try:
            found.extend(examination())
        except DatabaseError as error:
            seen = f"The database could not be asked: {first_line(error)}"
            found.append(fault(subject, seen, "See that DATABASE_URL is right and it runs."))
        except (RedisError, OSError) as error:
            seen = f"Redis could not be asked: {first_line(error)}"
            found.append(fault(subject, seen, "See that REDIS_URL is right and it runs."))
    return found


def first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
