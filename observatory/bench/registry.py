"""All benches, in the order in which they are listed."""

from observatory.bench import ingest, live, sync
from observatory.bench.measuring import Bench

BENCHES: dict[str, Bench] = {bench.name: bench for bench in (ingest.BENCH, live.BENCH, sync.BENCH)}
