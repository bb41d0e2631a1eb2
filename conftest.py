"""Fixtures that every test may use. The servers come from observatory.stack.testing.

The test database is made by its owner and used by the application's role, so row-level security
binds the tests as it binds the application.
"""

from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from observatory.database import as_owner
from tenants.scope import APPLICATION_ROLE

# The same examples in every run, so that a red run tells of what was changed.
# --hypothesis-profile=search looks for others.
hypothesis.settings.register_profile("same", derandomize=True)
hypothesis.settings.register_profile("search")
hypothesis.settings.load_profile("same")


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
                # Tests that commit are cleaned up by truncating.
                cursor.execute(
                    f"GRANT TRUNCATE ON ALL TABLES IN SCHEMA public TO {APPLICATION_ROLE}"
                )
        connection.settings_dict["NAME"] = name
        yield
        with as_owner():
            connection.settings_dict["NAME"] = name
            connection.creation.destroy_test_db(name, verbosity=0)
