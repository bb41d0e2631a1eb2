"""Fixtures that every test may use. The servers come from observatory.stack.testing.

The test database is made by its owner and used by the application's role, so row-level security
binds the tests as it binds the application.
"""

import gc
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
from django.db import connection, transaction
from django.test import TransactionTestCase
from pytest_django.plugin import DjangoDbBlocker

from observatory.database import as_owner

# The same examples in every run, so that a red run tells of what was changed.
# --hypothesis-profile=search looks for others.
hypothesis.settings.register_profile("same", derandomize=True)
hypothesis.settings.register_profile("search")
hypothesis.settings.load_profile("same")


def pytest_collection_finish() -> None:
    """Look for garbage in what tests leave, and less often than after each 700 new objects.

    Half a million objects live as long as the run; going through them took a fourteenth of it.
    """
    gc.freeze()
    gc.set_threshold(10_000)


# After a test that commits. Django truncates every table, writes its permissions anew and needs a
# quarter of a second for it; here rows go where there are any, and what migrations made stays
# where it is the same for all tests. To truncate makes the files of all indexes anew, so only what
# has grown is, and never what others refer to, which could only go with all of these. Its owner's
# function, since policies hide rows from others.
EMPTY_TABLES = """
CREATE FUNCTION empty_tables() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET session_replication_role = replica AS $$
DECLARE
    name text;
    is_to_truncate boolean;
    is_filled boolean;
BEGIN
    FOR name, is_to_truncate IN
        SELECT relname, pg_relation_size(c.oid) > 1000000 AND NOT EXISTS (
            SELECT FROM pg_constraint WHERE contype = 'f' AND confrelid = c.oid
        )
        FROM pg_class AS c
        WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
          AND relname NOT IN ('django_migrations', 'django_content_type', 'auth_permission')
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name) INTO is_filled;
        IF is_filled AND is_to_truncate THEN
            EXECUTE format('TRUNCATE %I', name);
        ELSIF is_filled THEN
            EXECUTE format('DELETE FROM %I', name);
        END IF;
    END LOOP;
END
$$
"""


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_modify_db_settings: None, django_db_blocker: DjangoDbBlocker, request: Any
) -> Iterator[None]:
    """A database of this process's own, migrated; afterwards dropped by its owner."""
    with django_db_blocker.unblock():
        with as_owner():
            connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
            name = connection.settings_dict["NAME"]
            with connection.cursor() as cursor:
                cursor.execute(EMPTY_TABLES)
        connection.settings_dict["NAME"] = name
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(TransactionTestCase, "_fixture_teardown", empty_tables)
            yield
        with as_owner():
            connection.settings_dict["NAME"] = name
            connection.creation.destroy_test_db(name, verbosity=0)


@pytest.fixture(scope="module")
def module_transaction(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """What a fixture of a module's scope writes is there for all its tests, and then undone.

    Each test is undone alone, to a savepoint; for modules whose rows take longer than their tests.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)


def empty_tables(case: TransactionTestCase) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT empty_tables()")
