"""One file with all that Observatory keeps, and a database made from it again.

PostgreSQL's own pg_dump and pg_restore do the work, as the owner, whom row-level security does
not bind. The file holds the API keys of n8n encrypted; the keys that read them are not in it.
"""

import os
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

import dj_database_url
import psycopg
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from observatory.database import application_login, prepare_roles
from observatory.stack import StackError
from observatory.stack.homes import find_binaries

TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"


class BackupError(Exception):
    """Its text is the sentence for the person."""


def back_up(target: Path) -> int:
    """Write the backup; its size in bytes. A file that is there already is left as it is.

    Raises BackupError. What is half written when it fails is removed.
    """
    if target.exists():
        raise BackupError(f"{target} exists; name a file that does not.")
    application_login()
    draft = target.with_name(f"{target.name}.part")
    try:
        # Made before pg_dump opens it, so that nobody else can ever read it.
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        _run("pg_dump", "--format=custom", f"--file={draft}")
        draft.rename(target)
    except OSError as error:
        raise BackupError(f"{target} cannot be written: {error.strerror}.") from error
    finally:
        draft.unlink(missing_ok=True)
    return target.stat().st_size


def restore(source: Path, *, replace: bool) -> None:
    """Fill the database from a backup, in one transaction: all of it or nothing.

    Raises BackupError, also where there are tables and ``replace`` is not said.
    """
    if not source.is_file():
        raise BackupError(f"There is no file {source}.")
    login, password = application_login()
    with psycopg.connect(_owner_url(), autocommit=True) as owner:
        found = owner.execute(TABLES).fetchone()
        if found and found[0] and not replace:
            raise BackupError(
                f"The database has {found[0]} tables already. Stop Observatory's web, workers and"
                " beat, and say --replace to put the backup in their place."
            )
        # Policies and rights name the roles, which belong to the server and not to the backup.
        prepare_roles(owner, login, password)
        if replace:
            owner.execute("DROP SCHEMA IF EXISTS reports, public CASCADE")
            owner.execute("CREATE SCHEMA public")
    _run("pg_restore", "--exit-on-error", "--single-transaction", "--no-owner", str(source))


def _owner_url() -> str:
    return settings.DATABASE_OWNER_URL or settings.DATABASE_URL


def _run(program: str, *arguments: str) -> None:
    """With the database's address in the environment: others can read a process' arguments."""
    result = subprocess.run(
        [_find(program), *arguments, *(["--dbname", _database()] if "restore" in program else [])],
        env={**_without_postgres(os.environ), **_connection()},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    if result.returncode:
        lines = [line for line in result.stderr.splitlines() if line.strip()] or ["no reason given"]
        raise BackupError(f"{program} failed: {lines[0][:500]}")


def _find(program: str) -> str:
    try:
        return str(find_binaries() / program)
    except StackError as error:
        raise BackupError(
            f"{program} was not found: run it where PostgreSQL is, or set OBSERVATORY_POSTGRES_BIN"
            " to the folder of its programs."
        ) from error


def _database() -> str:
    return unquote(urlsplit(_owner_url()).path.lstrip("/"))


def _connection() -> dict[str, str]:
    parsed = dj_database_url.parse(_owner_url())
    if not parsed["NAME"]:
        raise ImproperlyConfigured("DATABASE_OWNER_URL names no database.")
    options = parsed.get("OPTIONS", {})
    named = {
        "PGHOST": parsed["HOST"],
        "PGPORT": str(parsed["PORT"] or ""),
        "PGUSER": parsed["USER"],
        "PGPASSWORD": parsed["PASSWORD"],
        "PGDATABASE": parsed["NAME"],
        "PGSSLMODE": str(options.get("sslmode", "")),
        "PGSSLROOTCERT": str(options.get("sslrootcert", "")),
    }
    return {name: value for name, value in named.items() if value}


def _without_postgres(environment: "os._Environ[str]") -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith("PG")}
