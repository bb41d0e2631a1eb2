"""Made-up numbers for the page that shows every component."""

from datetime import UTC, datetime, timedelta
from typing import Any

from analytics.completeness import Completeness, Gap
from analytics.kpis import Delta
from executions.charts import Bar, RunsChart
from executions.statuses import NormalizedStatus
from tenants.ids import uuid7

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
COURSE = (
    12,
    14,
    9,
    11,
    16,
    22,
    31,
    28,
    35,
    41,
    38,
    30,
    33,
    36,
    29,
    27,
    24,
    30,
    26,
    21,
    18,
    15,
    13,
    12,
)
FAILED = (0, 0, 1, 0, 0, 2, 1, 0, 4, 9, 6, 2, 1, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0)
COLOURS = {
    "Grounds": ("ground", "side", "surface", "raised", "hover", "pressed", "line", "edge"),
    "Text and action": ("ink", "muted", "accent", "accent-ground"),
    "Meanings": ("good", "bad", "warn", "busy", "rest"),
    "Their grounds": ("good-ground", "bad-ground", "warn-ground", "busy-ground", "rest-ground"),
    "Marks on charts": tuple(f"mark-{status.value}" for status in NormalizedStatus)
    + ("mark-line", "mark-band", "mark-none"),
}
SIZES = {"xs": 11, "s": 12, "m": 13, "l": 15, "xl": 19, "figure": 24}


def samples() -> dict[str, Any]:
    """The context of the page."""
    now = datetime.now(UTC)
    gap = Gap(uuid7(), BEGIN, BEGIN + timedelta(hours=1, minutes=10))
    return {
        "colours": COLOURS,
        "sizes": SIZES,
        "statuses": [status.value for status in NormalizedStatus],
        "chart": _chart(),
        "course": COURSE,
        "course_with_gap": (*COURSE[:9], None, None, *COURSE[11:]),
        "course_titles": [f"{count} runs" for count in COURSE],
        "more": Delta(previous=100.0, change=0.124, is_meaningful=True),
        "fewer": Delta(previous=100.0, change=-0.3, is_meaningful=True),
        "same": Delta(previous=100.0, change=0.0, is_meaningful=True),
        "unknown": Delta(None, None, is_meaningful=False, reason="Fewer than 20 runs to compare."),
        "now": now,
        "complete": Completeness(now, 1.0, ()),
        "with_gap": Completeness(now, 0.951, (gap,)),
        "pager": {"first": 51, "last": 100, "total": 1204, "earlier": "?cursor=a", "later": None},
        "tabs": [
            {"label": "Runs", "address": "#tabs", "is_current": True, "count": 1204},
            {"label": "Errors", "address": "#tabs", "is_current": False, "count": 3},
            {"label": "Settings", "address": "#tabs", "is_current": False, "count": None},
        ],
    }


def _chart() -> RunsChart:
    bars = []
    for hour, (total, failed) in enumerate(zip(COURSE, FAILED, strict=True)):
        start = BEGIN + timedelta(hours=hour)
        counts = {"success": total - failed, "error": failed, "running": 2 if hour == 23 else 0}
        bars.append(Bar(start, start + timedelta(hours=1), None if hour in (2, 3) else counts))
    return RunsChart(tuple(bars))
