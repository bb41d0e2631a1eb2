"""migrate, as the owner of the database: prepares the roles, migrates, grants the rights."""

from typing import Any

import dj_database_url
from django.conf import settings
from django.core.management.commands import migrate
from django.db import connection

from observatory.database import as_owner, grant_rights, prepare_roles


class Command(migrate.Command):
    help = (
        "Prepares the database's roles, migrates and grants the application its rights."
        " Connects with DATABASE_OWNER_URL."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        application = dj_database_url.parse(settings.DATABASE_URL)
        with as_owner():
            if settings.DATABASE_OWNER_URL:
                connection.ensure_connection()
                prepare_roles(connection.connection, application["USER"], application["PASSWORD"])
            super().handle(*args, **options)
            if settings.DATABASE_OWNER_URL and not options["check_unapplied"]:
                grant_rights()
