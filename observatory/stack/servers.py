"""The PostgreSQL and Redis that `up` works with: its own, or the ones that the person names."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
import redis

from observatory.env import secret
from observatory.stack import NO_SPACE, StackError, disk_full
from observatory.stack.homes import find_home
from observatory.stack.ports import private_ports
from observatory.stack.postgres import Postgres, explain
from observatory.stack.state import Secrets, State
from observatory.stack.supervisor import Child, Supervisor
from observatory.stack.valkey import Valkey

WEB_ROLE = "observatory_web"
# Recovery after a crash reads the log again before it lets anybody in.
START_SECONDS = 120.0


@dataclass(frozen=True)
class Addresses:
    """Where the servers are, passwords included."""

    database: str = field(repr=False)
    database_owner: str = field(repr=False)
    redis: str = field(repr=False)


def given_addresses(secrets: Secrets) -> Addresses | None:
    """The person's own servers, if they are named; half a pair is a mistake."""
    database, broker = secret("DATABASE_URL"), secret("REDIS_URL")
    if not database and not broker:
        return None
    if not database or not broker:
        named, missing = (
            ("DATABASE_URL", "REDIS_URL") if database else ("REDIS_URL", "DATABASE_URL")
        )
        raise StackError(
            f"{named} is set and {missing} is not: set both to use servers of your own, or neither"
            " to let Observatory start its own."
        )
    owner = secret("DATABASE_OWNER_URL")
    if not owner:
        owner, database = database, with_role(database, WEB_ROLE, secrets.database_web_password)
    return Addresses(database, owner, broker)


def with_role(url: str, role: str, password: str) -> str:
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{quote(password, safe='')}@{place}"))


def check(addresses: Addresses) -> None:
    """One sentence now instead of many tracebacks later."""
    try:
        psycopg.connect(addresses.database_owner, connect_timeout=10).close()
    except psycopg.Error as fault:
        raise StackError(
            f"PostgreSQL cannot be used with DATABASE_URL or DATABASE_OWNER_URL: {one_line(fault)}"
        ) from fault
    try:
        with redis.Redis.from_url(addresses.redis, socket_connect_timeout=10) as client:
            client.ping()
    except (redis.RedisError, ValueError) as fault:
        raise StackError(f"Redis cannot be used with REDIS_URL: {one_line(fault)}") from fault


def one_line(fault: Exception) -> str:
    return " ".join(str(fault).split())


def start_own(supervisor: Supervisor, state: State, secrets: Secrets) -> Addresses:
    """Start PostgreSQL and Valkey, each on a free port, and wait until both answer."""
    ports = private_ports()
    home = find_home(state.folder, secrets.installation)
    postgres = Postgres(home, next(ports), secrets.database_owner_password)
    valkey = Valkey(state.folder / "valkey", next(ports), secrets.redis_password)
    if not home.data.exists():
        supervisor.log.say(f"Making PostgreSQL's data directory {home.data} …")
        for left in other_data(home.data):
            supervisor.log.say(
                f"{left} holds the data of an earlier installation in this folder: remove it when"
                " nobody needs them."
            )
    postgres.prepare()
    valkey.prepare()
    database, broker = supervisor.start(postgres.program()), supervisor.start(valkey.program())
    await_server(
        supervisor, database, postgres.is_ready, lambda: explain(database.output, home.data)
    )
    await_server(supervisor, broker, valkey.is_ready, lambda: explain_valkey(broker, valkey))
    try:
        postgres.create_database()
    except psycopg.Error as fault:
        raise StackError(explain(str(fault), home.data)) from fault
    web = postgres.url(WEB_ROLE, secrets.database_web_password)
    return Addresses(web, postgres.owner_url, valkey.url)


def other_data(data: Path) -> list[Path]:
    """Data directories under /var/lib whose passwords went with their state directory."""
    return sorted(data.parent.glob("postgres-*")) if data.name.startswith("postgres-") else []


def await_server(
    supervisor: Supervisor, child: Child, is_ready: Callable[[], bool], reason: Callable[[], str]
) -> None:
    answered = supervisor.wait_until(
        lambda: child.failures > 0 or is_ready(), seconds=START_SECONDS
    )
    if child.failures or not answered:
        raise StackError(reason())


def explain_valkey(child: Child, valkey: Valkey) -> str:
    if NO_SPACE in child.output:
        return disk_full(valkey.folder)
    return f"Valkey did not start with its data in {valkey.folder}: {child.last_line}"
