"""Indexes of the large table are made beside everybody's work; a second try ends the first."""

import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings
from django.db import OperationalError, connection, models
from django.db.migrations.loader import MigrationLoader
from psycopg.errors import QueryCanceled

from executions.concurrent_indexes import AddIndexConcurrently, RemoveIndexConcurrently
from executions.tests.faults.stage import eventually
from observatory.database import as_owner

pytestmark = pytest.mark.django_db(transaction=True)

INDEX = "execution_by_mode"
# Twice as long as a lock may be waited for.
CANCEL_WHO_WAITS = """
SELECT pg_cancel_backend(pid) FROM pg_locks
WHERE pid = %s AND waitstart < clock_timestamp() - interval '40ms'
"""


@pytest.fixture(autouse=True)
def short_limit():
    """A lock that anybody has to wait for takes longer than its limit."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '20ms'")
        yield
        cursor.execute("RESET lock_timeout")
        cursor.execute(f"DROP INDEX IF EXISTS {INDEX}")


@pytest.fixture
def writer():
    """Somebody whose transaction does not end."""
    with connect(settings.DATABASE_URL) as writer:
        writer.execute("LOCK TABLE executions IN ROW EXCLUSIVE MODE")
        yield writer


@pytest.fixture
def canceled():
    """Our own statement ends once it has waited longer than locks may."""
    pid = connection.connection.info.backend_pid
    with (
        connect(settings.DATABASE_OWNER_URL, autocommit=True) as owner,
        ThreadPoolExecutor() as end,
    ):
        end.submit(eventually, lambda: owner.execute(CANCEL_WHO_WAITS, [pid]).fetchone())
        yield


def connect(url, **options):
    own = urlsplit(url)._replace(path=connection.settings_dict["NAME"])
    return psycopg.connect(own.geturl(), **options)


def apply(*operations):
    state = MigrationLoader(connection).project_state()
    for operation in operations:
        after = state.clone()
        operation.state_forwards("executions", after)
        with connection.schema_editor(atomic=False) as editor:
            operation.database_forwards("executions", editor, state, after)
        state = after


def add():
    return AddIndexConcurrently("execution", models.Index(fields=["mode"], name=INDEX))


def found():
    """The index's id and whether it is finished."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexrelid, indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)",
            [INDEX],
        )
        return cursor.fetchone()


def test_it_waits_for_others_longer_than_locks_may_and_ends_at_the_next_try(writer, canceled):
    with pytest.raises(OperationalError) as refusal:
        apply(add())
    assert isinstance(refusal.value.__cause__, QueryCanceled)
    unfinished = found()
    writer.rollback()

    apply(add())

    assert unfinished[1] is False
    assert found()[1] is True
    assert found() != unfinished


def test_a_finished_index_is_not_made_again():
    apply(add())
    finished = found()

    apply(add())

    assert found() == finished


def test_locks_have_their_limit_again_afterwards():
    apply(add(), RemoveIndexConcurrently("execution", INDEX))

    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("20ms",)
    assert found() is None


def test_migrations_use_no_other_way_to_make_or_remove_indexes_concurrently():
    migrations = settings.BASE_DIR.glob("*/migrations/0*.py")
    theirs = re.compile(r"django\.contrib\.postgres\.operations|CONCURRENTLY")

    assert [path.name for path in migrations if theirs.search(path.read_text())] == []
