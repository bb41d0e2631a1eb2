"""Indexes of large tables, made and removed by migrations while everybody reads and writes.

PostgreSQL does so outside a transaction and waits for all older ones to end. Nobody waits behind
it, so that it may wait for as long as it takes, unlike migrations that lock. Where one was stopped
halfway, the next try makes an unfinished index anew and keeps a finished one.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.postgres import operations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState

IS_FINISHED = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"


class AddIndexConcurrently(operations.AddIndexConcurrently):
    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        name = schema_editor.quote_name(self.index.name)
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(IS_FINISHED, [name])
            found = cursor.fetchone()
        if found == (True,):
            return
        with waiting_without_limit(schema_editor):
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            super().database_forwards(app_label, schema_editor, from_state, to_state)


class RemoveIndexConcurrently(operations.RemoveIndexConcurrently):
    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        with waiting_without_limit(schema_editor):
            super().database_forwards(app_label, schema_editor, from_state, to_state)


@contextmanager
def waiting_without_limit(schema_editor: BaseDatabaseSchemaEditor) -> Iterator[None]:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        (before,) = cursor.fetchone()
        cursor.execute("SET lock_timeout = 0")
        try:
            yield
        finally:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [before])
