"""All benches, in the order in which they are listed."""

from observatory.bench import (
    depth,
    errors,
    http,
    ingest,
    kpis,
    live,
    retention,
    sync,
    upgrade,
    workflows,
)
from observatory.bench.measuring import Bench

ALL = (
    ingest.BENCH,
    live.BENCH,
    sync.BENCH,
    kpis.BENCH,
    workflows.BENCH,
    errors.BENCH,
    depth.BENCH,
    http.BENCH,
    retention.BENCH,
    upgrade.BENCH,
)
BENCHES: dict[str, Bench] = {bench.name: bench for bench in ALL}
