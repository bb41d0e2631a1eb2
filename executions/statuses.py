"""n8n's statuses and ours (pure)."""

from enum import StrEnum


class NormalizedStatus(StrEnum):
    """The six words that all numbers are counted by."""

    SUCCESS = "success"
    ERROR = "error"
    RUNNING = "running"
    WAITING = "waiting"
    CANCELED = "canceled"
    UNKNOWN = "unknown"

    @classmethod
    def choices(cls) -> list[tuple[str, str]]:
        return [(status.value, status.value.capitalize()) for status in cls]


NORMALIZED = {
    "success": NormalizedStatus.SUCCESS,
    "error": NormalizedStatus.ERROR,
    "crashed": NormalizedStatus.ERROR,
    "running": NormalizedStatus.RUNNING,
    "new": NormalizedStatus.RUNNING,
    "waiting": NormalizedStatus.WAITING,
    "canceled": NormalizedStatus.CANCELED,
}
FINAL = frozenset({"success", "error", "crashed", "canceled"})


def normalize_status(raw: str) -> NormalizedStatus:
    """Our word for n8n's; one that we do not know is unknown, never refused."""
    return NORMALIZED.get(raw, NormalizedStatus.UNKNOWN)


def is_final(raw: str) -> bool:
    """Whether n8n normally leaves an execution with this status as it is."""
    return raw in FINAL
