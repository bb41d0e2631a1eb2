import io
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from observatory.stack import StackError, homes
from observatory.stack import supervisor as supervisor_module
from observatory.stack.homes import find_home
from observatory.stack.logs import Log
from observatory.stack.ports import private_ports
from observatory.stack.postgres import Postgres, explain, leftover
from observatory.stack.processes import spawn
from observatory.stack.servers import Addresses, check, given_addresses, other_data, with_role
from observatory.stack.state import new_secrets
from observatory.stack.supervisor import Supervisor
from observatory.stack.throwaway import throwaway_folder
from observatory.stack.valkey import Valkey
from observatory.tests.deadlines import eventually

PASSWORD = "known-to-the-test"
# A kill loses no more than this machine's memory would: nothing.
NO_SYNC = {"fsync": "off"}


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """Made once; each test starts and stops it."""
    with throwaway_folder() as folder:
        home = find_home(folder, "test")
        port = next(private_ports())
        postgres = Postgres(home, port, PASSWORD, settings=NO_SYNC, initdb_options=("--no-sync",))
        postgres.prepare()
        yield postgres


@pytest.fixture
def valkey(tmp_path: Path) -> Valkey:
    valkey = Valkey(tmp_path / "valkey", next(private_ports()), PASSWORD)
    valkey.prepare()
    return valkey


@pytest.fixture
def supervisor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    monkeypatch.setattr(supervisor_module, "FIRST_DELAY", 0.01)
    log = Log(tmp_path, io.StringIO())
    supervisor = Supervisor(log)
    yield supervisor
    supervisor.stop(seconds=10)
    log.close()
    supervisor.selector.close()


def test_a_killed_postgres_comes_back_with_its_data(
    supervisor: Supervisor, postgres: Postgres
) -> None:
    child = supervisor.start(postgres.program())
    assert supervisor.wait_until(postgres.is_ready, seconds=30)
    postgres.create_database()
    with psycopg.connect(postgres.owner_url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n integer)")

    child.process.kill()

    assert supervisor.wait_until(lambda: child.failures > 0 and postgres.is_ready(), seconds=30)
    with psycopg.connect(postgres.owner_url) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_a_postgres_left_over_is_taken_down(postgres: Postgres, tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as output:
        left = spawn(postgres.program(), output.fileno())
    eventually(postgres.is_ready, seconds=30)
    assert leftover(postgres.home.data) == left.pid

    # Ending it must not wait for us to collect its exit code.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        postgres.prepare()
    finally:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)

    assert leftover(postgres.home.data) is None
    left.wait()


def test_the_number_in_a_stale_pid_file_may_belong_to_anything(tmp_path: Path) -> None:
    (tmp_path / "postmaster.pid").write_text(f"{os.getpid()}\n{tmp_path}\n")

    assert leftover(tmp_path) is None


@pytest.mark.parametrize("content", [None, "", "no number\n", "999999999\n"])
def test_a_damaged_pid_file_names_no_server(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "postmaster.pid").write_text(content)

    assert leftover(tmp_path) is None


def test_no_command_line_shows_a_password(postgres: Postgres, valkey: Valkey) -> None:
    for program in (postgres.program(), valkey.program()):
        assert PASSWORD not in " ".join(program.command)
        assert PASSWORD not in repr(program)
        assert PASSWORD not in program.environment.values()


def test_postgres_hears_nothing_of_this_machines_settings(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGDATA", "/elsewhere")
    monkeypatch.setenv("LC_ALL", "tr_TR.UTF-8")

    environment = postgres.program().environment

    assert not [name for name in environment if name.startswith(("PG", "LC_"))]


def test_a_killed_valkey_comes_back_with_its_data(supervisor: Supervisor, valkey: Valkey) -> None:
    child = supervisor.start(valkey.program())
    assert supervisor.wait_until(valkey.is_ready, seconds=30)
    with redis.Redis.from_url(valkey.url) as client:
        client.set("kept", "yes")

    child.process.kill()

    assert supervisor.wait_until(lambda: child.failures > 0 and valkey.is_ready(), seconds=30)
    with redis.Redis.from_url(valkey.url) as client:
        assert client.get("kept") == b"yes"


def test_valkey_lets_nobody_in_without_the_password(supervisor: Supervisor, valkey: Valkey) -> None:
    supervisor.start(valkey.program())
    assert supervisor.wait_until(valkey.is_ready, seconds=30)

    with (
        redis.Redis(port=valkey.port, retry=Retry(NoBackoff(), 0)) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        pytest.param("FATAL: could not write: No space left on device", "is full", id="disk"),
        pytest.param(
            "LOG:  starting\nFATAL:  database files are incompatible with server\nLOG:  down",
            "database files are incompatible",
            id="fatal",
        ),
        pytest.param("", "gave no reason", id="silence"),
    ],
)
def test_it_says_why_postgres_did_not_start(output: str, sentence: str) -> None:
    assert sentence in explain(output, Path("/data/postgres"))


def test_a_wrong_folder_of_binaries_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBSERVATORY_POSTGRES_BIN", str(tmp_path))

    with pytest.raises(StackError, match=f"{tmp_path}/initdb is no program"):
        find_home(tmp_path, "test")


def test_a_machine_without_an_ordinary_user_gets_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nobody_there(name: str) -> None:
        raise KeyError(name)

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(homes.pwd, "getpwnam", nobody_there)

    with pytest.raises(StackError, match="run this as an ordinary user"):
        homes.server_user()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as somebody else")
def test_below_a_closed_folder_binaries_and_data_live_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed" / "state"
    closed.mkdir(parents=True)
    closed.parent.chmod(0o700)
    with throwaway_folder() as elsewhere:
        monkeypatch.setattr(homes, "OPEN_ROOT", elsewhere)
        monkeypatch.setattr(homes, "can_enter", lambda _, folder: elsewhere in folder.parents)

        home = find_home(closed, "installation")

        assert home.data.parent.parent == elsewhere
        assert home.data.name == "postgres-installation"
        assert (home.binaries / "postgres").is_file()
        assert homes.find_home(closed, "installation") == home


def test_own_servers_are_used_where_both_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://owner:secret@db:5432/obs?sslmode=require")
    monkeypatch.setenv("REDIS_URL", "redis://cache:6379/3")
    monkeypatch.delenv("DATABASE_OWNER_URL", raising=False)
    secrets = new_secrets()

    given = given_addresses(secrets)

    assert given == Addresses(
        database=f"postgres://observatory_web:{secrets.database_web_password}"
        "@db:5432/obs?sslmode=require",
        database_owner="postgres://owner:secret@db:5432/obs?sslmode=require",
        redis="redis://cache:6379/3",
    )


def test_two_named_database_roles_are_used_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://web@db/obs")
    monkeypatch.setenv("DATABASE_OWNER_URL", "postgres://owner@db/obs")
    monkeypatch.setenv("REDIS_URL", "redis://cache")

    given = given_addresses(new_secrets())

    assert given == Addresses("postgres://web@db/obs", "postgres://owner@db/obs", "redis://cache")


@pytest.mark.parametrize(
    ("named", "missing"), [("DATABASE_URL", "REDIS_URL"), ("REDIS_URL", "DATABASE_URL")]
)
def test_half_a_pair_of_servers_is_refused(
    monkeypatch: pytest.MonkeyPatch, named: str, missing: str
) -> None:
    monkeypatch.setenv(named, "scheme://server")
    monkeypatch.delenv(missing)

    with pytest.raises(StackError, match=f"{named} is set and {missing} is not"):
        given_addresses(new_secrets())


def test_no_named_servers_means_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.delenv("REDIS_URL")

    assert given_addresses(new_secrets()) is None


def test_a_password_is_quoted_in_an_address() -> None:
    assert with_role("postgres://o:p@db/x", "web", "a/b@c") == "postgres://web:a%2Fb%40c@db/x"


def test_servers_that_do_not_answer_are_named_at_once(valkey: Valkey) -> None:
    nobody = f"postgres://u@127.0.0.1:{valkey.port}/x"
    with pytest.raises(StackError, match="PostgreSQL cannot be used with DATABASE_URL"):
        check(Addresses(nobody, nobody, valkey.url))

    owner = os.environ["DATABASE_OWNER_URL"]
    with pytest.raises(StackError, match="Redis cannot be used with REDIS_URL"):
        check(Addresses(owner, owner, valkey.url))


@pytest.mark.parametrize(("name", "left"), [("postgres-new", ["postgres-old"]), ("postgres", [])])
def test_data_of_an_earlier_installation_are_kept_and_named(
    tmp_path: Path, name: str, left: list[str]
) -> None:
    (tmp_path / "postgres-old").mkdir()

    assert [path.name for path in other_data(tmp_path / name)] == left
