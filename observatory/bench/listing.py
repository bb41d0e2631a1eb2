"""Executions as n8n lists them, made up: the same for the same number (pure)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

PAGE = 250
# Within what a tenant keeps by default, so that every row is stored.
SPREAD = timedelta(days=6)
WORKFLOWS = 40
MODES = ("webhook", "trigger", "webhook", "integrated", "webhook")


def listed_rows(count: int, newest: datetime) -> Iterator[dict[str, object]]:
    """Finished executions with ids from ``count`` down to 1, newest first."""
    step = SPREAD / count
    for number in range(count, 0, -1):
        started = newest - step * (count - number) - timedelta(minutes=1)
        stopped = started + timedelta(milliseconds=20 + number * 7919 % 4000)
        yield {
            "id": str(number),
            "finished": True,
            "mode": MODES[number % len(MODES)],
            "retryOf": None,
            "retrySuccessId": None,
            "status": "success",
            "startedAt": _iso(started),
            "stoppedAt": _iso(stopped),
            "workflowId": workflow_id(number % WORKFLOWS),
            "waitTill": None,
        }


def workflow_id(number: int) -> str:
    return f"Workflow{number:08d}"


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
