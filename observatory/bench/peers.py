"""DuckDB and ClickHouse (chDB) inside this process, with the rows of one tenant.

They hold nothing else, which is to their advantage. Installed by `manage.py bench NAME --peers`.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings

from observatory.bench.plain_sql import CHDB, DUCKDB, Dialect
from tenants.models import Tenant

Ask = Callable[[str], list[tuple[Any, ...]]]

EXPORT = """
COPY (
    SELECT (extract(epoch FROM occurred_at) * 1000)::bigint, environment_id, workflow_id,
        normalized_status, execution_time, fingerprint
    FROM executions WHERE tenant_id = '{}' ORDER BY occurred_at
) TO STDOUT (FORMAT csv)
"""
DUCKDB_COLUMNS = (
    "moment BIGINT, environment VARCHAR, workflow VARCHAR, status VARCHAR, duration BIGINT,"
    " fingerprint VARCHAR"
)
CHDB_COLUMNS = (
    "moment Int64, environment LowCardinality(String), workflow LowCardinality(String),"
    " status LowCardinality(String), duration Nullable(Int64), fingerprint LowCardinality(String)"
)


@contextmanager
def peers_of(tenant: Tenant) -> Iterator[Mapping[str, tuple[Dialect, Ask]]]:
    """Each peer by its name: how it is spoken to, and the way to ask it."""
    with tempfile.TemporaryDirectory(prefix="observatory-bench-") as name:
        folder = Path(name)
        rows = folder / "rows.csv"
        with (
            psycopg.connect(settings.DATABASE_OWNER_URL) as owner,
            owner.cursor().copy(EXPORT.format(tenant.pk)) as copy,
            rows.open("wb") as out,
        ):
            for block in copy:
                out.write(block)
        with duckdb_of(rows) as ask_duckdb, chdb_of(rows, folder / "chdb") as ask_chdb:
            yield {"DuckDB": (DUCKDB, ask_duckdb), "chDB": (CHDB, ask_chdb)}


@contextmanager
def duckdb_of(rows: Path) -> Iterator[Ask]:
    duckdb: Any = import_module("duckdb")
    with duckdb.connect() as engine:
        engine.execute(f"CREATE TABLE runs ({DUCKDB_COLUMNS})")
        engine.execute(f"COPY runs FROM '{rows}' (FORMAT csv)")
        yield lambda statement: engine.execute(statement).fetchall()


@contextmanager
def chdb_of(rows: Path, folder: Path) -> Iterator[Ask]:
    session: Any = import_module("chdb.session").Session(str(folder))
    try:
        session.query("CREATE DATABASE IF NOT EXISTS bench")
        session.query("USE bench")
        session.query(
            f"CREATE TABLE runs ({CHDB_COLUMNS}) ENGINE = MergeTree ORDER BY moment"
            " SETTINGS allow_nullable_key = 1"
        )
        session.query(f"INSERT INTO runs FROM INFILE '{rows}' FORMAT CSV")
        yield lambda statement: [
            tuple(line.split("\t")) for line in str(session.query(statement, "TSV")).splitlines()
        ]
    finally:
        session.close()
