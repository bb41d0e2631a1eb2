"""migrate, as the owner of the database: prepares the roles, migrates, grants the rights.

It waits for no lock longer than half a second: while it waits, everybody who comes after it waits
too. What could not be had is tried again; each migration is whole or not there, or goes on where it
was stopped (executions.concurrent_indexes), so nothing is done twice.
"""

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connection
from psycopg.errors import LockNotAvailable

from observatory.database import application_login, as_owner, grant_rights, prepare_roles

LONGEST_LOCK_MS = 500
TRIES = 30
PAUSE_SECONDS = 1.0


class Command(migrate.Command):
    help = (
        "Prepares the database's roles, migrates and grants the application its rights."
        " Connects with DATABASE_OWNER_URL. Waits for no lock longer than half a second."
    )

    def execute(self, *args: Any, **options: Any) -> Any:
        """All of it as the owner: the checks before may ask the database too."""
        login, password = application_login()
        with as_owner():
            if settings.DATABASE_OWNER_URL:
                connection.ensure_connection()
                prepare_roles(connection.connection, login, password)
            return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        with_patience(lambda: super(Command, self).handle(*args, **options))
        if settings.DATABASE_OWNER_URL and not options["check_unapplied"]:
            grant_rights()


def with_patience(migrate: Callable[[], Any]) -> None:
    """Migrate, and again where others held a table. Raises CommandError after many tries."""
    for _ in range(TRIES):
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = {LONGEST_LOCK_MS}")
        try:
            migrate()
            return
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable):
                raise
        time.sleep(PAUSE_SECONDS)
    raise CommandError(
        f"Others held a table at each of {TRIES} tries. Nothing is half done; run this again at a"
        " quieter time, or look for long transactions in pg_stat_activity."
    )
