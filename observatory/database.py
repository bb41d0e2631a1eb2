"""The database's roles: an owner who migrates, and an application that row-level security binds.

Everything runs as the login role that DATABASE_URL names. It is a member of ``observatory_app``,
which holds the rights on the tables, and may become ``observatory_operator``, whose policies see
all tenants (tenants.scope). Only ``migrate`` connects as the owner.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dj_database_url
import psycopg
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from psycopg import sql

from tenants.scope import APPLICATION_ROLE, OPERATOR_ROLE, READER_ROLE

MINIMUM_POSTGRESQL = 16
IDENTITY = ("USER", "PASSWORD", "HOST", "PORT")
ROLES = (APPLICATION_ROLE, OPERATOR_ROLE, READER_ROLE)


def application_login() -> tuple[str, str]:
    """Name and password of DATABASE_URL. Raises ImproperlyConfigured where it is not set."""
    if not settings.DATABASE_URL:
        # Django's dummy database, which says so.
        connection.ensure_connection()
    application = dj_database_url.parse(settings.DATABASE_URL)
    return application["USER"], application["PASSWORD"]


@contextmanager
def as_owner() -> Iterator[None]:
    """Let Django's connection log in as the owner; without DATABASE_OWNER_URL nothing changes."""
    if not settings.DATABASE_OWNER_URL:
        yield
        return
    owner = dj_database_url.parse(settings.DATABASE_OWNER_URL)
    with _logged_in_as({name: owner[name] for name in IDENTITY}):  # type: ignore[literal-required]
        yield


@contextmanager
def _logged_in_as(identity: dict[str, Any]) -> Iterator[None]:
    before = {**connection.settings_dict}
    options = {k: v for k, v in before["OPTIONS"].items() if k != "pool"}
    _disconnect()
    connection.settings_dict.update({**identity, "OPTIONS": options})
    try:
        yield
    finally:
        _disconnect()
        connection.settings_dict.update(before)


def _disconnect() -> None:
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]


def prepare_roles(owner: "psycopg.Connection[Any]", login: str, password: str) -> None:
    """Create the roles that are missing and give the login role its password.

    Nothing is touched where the login role can already do all it needs to: roles belong to the
    whole server, and two databases on it may migrate at once. Raises ImproperlyConfigured where
    PostgreSQL is too old or the owner may not create roles.
    """
    if owner.info.server_version < MINIMUM_POSTGRESQL * 10_000:
        raise ImproperlyConfigured(
            f"This PostgreSQL is version {owner.info.server_version // 10_000};"
            f" {MINIMUM_POSTGRESQL} or newer is needed."
        )
    if _has_role(owner, READER_ROLE) and _can_log_in(owner, login, password):
        return
    try:
        for role in ROLES:
            _create_role(owner, role, sql.SQL("NOLOGIN"))
        _create_role(owner, login, sql.SQL("LOGIN"))
        owner.execute(
            sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(
                sql.Identifier(login), sql.Literal(password)
            )
        )
        _grant_role(owner, APPLICATION_ROLE, OPERATOR_ROLE, "INHERIT TRUE")
        _grant_role(owner, APPLICATION_ROLE, login, "INHERIT TRUE")
        _grant_role(owner, OPERATOR_ROLE, login, "INHERIT FALSE")
    except psycopg.errors.InsufficientPrivilege as error:
        raise ImproperlyConfigured(
            "The role in DATABASE_OWNER_URL may not create roles; give it CREATEROLE,"
            f" or create {', '.join(ROLES)} and {login} yourself."
        ) from error


def _can_log_in(owner: "psycopg.Connection[Any]", login: str, password: str) -> bool:
    """Whether the login role exists with this password and is a member of both roles."""
    if not _has_role(owner, login):
        # Trying would put a refused password into PostgreSQL's log at every first start.
        return False
    try:
        with psycopg.connect(
            host=owner.info.host,
            port=owner.info.port,
            dbname=owner.info.dbname,
            user=login,
            password=password,
        ) as connected:
            found = connected.execute(
                "SELECT pg_has_role(%s, 'USAGE') AND pg_has_role(%s, 'MEMBER')",
                [APPLICATION_ROLE, OPERATOR_ROLE],
            ).fetchone()
    except (psycopg.OperationalError, psycopg.errors.UndefinedObject):
        return False
    return bool(found and found[0])


def _has_role(owner: "psycopg.Connection[Any]", role: str) -> bool:
    found = owner.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    return found is not None


def _create_role(owner: "psycopg.Connection[Any]", role: str, login: sql.SQL) -> None:
    if not _has_role(owner, role):
        owner.execute(sql.SQL("CREATE ROLE {} {}").format(sql.Identifier(role), login))


def _grant_role(owner: "psycopg.Connection[Any]", role: str, member: str, option: str) -> None:
    known = owner.execute(
        "SELECT 1 FROM pg_auth_members WHERE roleid = %s::regrole AND member = %s::regrole",
        [sql.Identifier(role).as_string(owner), sql.Identifier(member).as_string(owner)],
    ).fetchone()
    if not known:
        owner.execute(
            sql.SQL("GRANT {} TO {} WITH " + option).format(
                sql.Identifier(role), sql.Identifier(member)
            )
        )


RIGHTS = f"""
    GRANT USAGE ON SCHEMA public TO {APPLICATION_ROLE};
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {APPLICATION_ROLE};
    GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {APPLICATION_ROLE};
    -- What was recorded stays as it was recorded.
    REVOKE UPDATE, DELETE ON tenants_auditentry FROM {APPLICATION_ROLE};
    REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {APPLICATION_ROLE};
    -- Materialized views know no tenant; the views before them, in the schema "reports", do.
    DO $$
    DECLARE
        unguarded text;
    BEGIN
        FOR unguarded IN SELECT matviewname FROM pg_matviews WHERE schemaname = 'public' LOOP
            EXECUTE format('REVOKE ALL ON %I FROM {APPLICATION_ROLE}', unguarded);
        END LOOP;
    END
    $$;
"""


def grant_rights() -> None:
    """Give the application its rights on all tables; call as the owner, after migrating."""
    with connection.cursor() as cursor:
        cursor.execute(RIGHTS)
