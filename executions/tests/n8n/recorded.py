"""Answers that a real n8n 2.41 gave, as they were recorded (long lists and texts cut)."""

import json
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parent / "samples"


def recorded(name: str) -> Any:
    """The recorded answer's body."""
    return json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))["response"]


def recorded_rows(name: str) -> list[dict[str, Any]]:
    """The rows of a recorded list, without the remark that it was cut."""
    return [row for row in recorded(name)["data"] if isinstance(row, dict)]


def names_of(prefix: str) -> list[str]:
    """The names of the recordings that begin so."""
    return sorted(path.stem for path in SAMPLES.glob(f"{prefix}*.json"))
