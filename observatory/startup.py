"""What a server process makes sure of before it takes work."""

from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from observatory.checks import missing_secrets


def refuse_unsafe_start() -> None:
    """Raises ImproperlyConfigured where secrets are missing or the database role is too strong."""
    for problem in missing_secrets():
        raise ImproperlyConfigured(f"{problem.msg} {problem.hint}")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolname FROM pg_roles WHERE rolname = current_user"
            " AND (rolsuper OR rolbypassrls)"
        )
        strong = cursor.fetchone()
    connection.close()
    if strong:
        raise ImproperlyConfigured(
            f"DATABASE_URL connects as {strong[0]}, which row-level security does not bind;"
            " name a role that is neither superuser nor owner, and put the owner's address in"
            " DATABASE_OWNER_URL."
        )
