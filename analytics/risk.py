"""Which workflows need somebody first (pure). The same formula stands in SQL (``RISK_SQL``)."""

import math
from collections.abc import Iterable

# Of a normal distribution: 95 of 100 times the true share lies above the bound.
Z = 1.96
# A tag of the workflow in n8n says how much depends on it.
CRITICALITY = {"critical": 3.0, "important": 2.0, "unimportant": 0.5}
WEIGHTS = " ".join(f"WHEN '{tag}' THEN {weight}" for tag, weight in CRITICALITY.items())
CRITICALITY_SQL = f"""
coalesce((SELECT max(CASE lower(tag) {WEIGHTS} END) FROM unnest(tags) AS t (tag)), 1)"""
# Of the columns ``error`` and ``success``, with the weight in the column ``criticality``.
SHARE, ENDED = "(error / (success + error)::float8)", "(success + error)::float8"
RISK_SQL = f"""
CASE WHEN error = 0 THEN 0 ELSE round((criticality * {ENDED} * greatest(0,
    ({SHARE} + {Z * Z} / (2 * {ENDED})
     - {Z} * sqrt({SHARE} * (1 - {SHARE}) / {ENDED} + {Z * Z} / (4 * {ENDED} * {ENDED})))
    / (1 + {Z * Z} / {ENDED})))::numeric, 3) END"""


def wilson_lower_bound(failures: int, runs: int) -> float:
    """The failure share that is sure at least: one failure of one run proves little."""
    if runs <= 0:
        return 0.0
    share = failures / runs
    middle = share + Z * Z / (2 * runs)
    spread = Z * math.sqrt(share * (1 - share) / runs + Z * Z / (4 * runs * runs))
    return max((middle - spread) / (1 + Z * Z / runs), 0.0)


def criticality_of(tags: Iterable[str]) -> float:
    """The weight that the most telling tag gives; 1 without any."""
    weights = [CRITICALITY[tag.lower()] for tag in tags if tag.lower() in CRITICALITY]
    return max(weights, default=1.0)


def risk(*, failures: int, ended: int, criticality: float) -> float:
    """Failures to be expected at least among as many runs again, weighted."""
    return round(wilson_lower_bound(failures, ended) * ended * criticality, 3)
