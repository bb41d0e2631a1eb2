"""Behind PgBouncer in transaction mode tenants stay apart and leases hold.

Few server connections serve many clients, so that each transaction may come to any of them.
"""

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from executions import leases
from executions.models import Environment
from executions.tests.factories import EnvironmentFactory
from observatory.stack.homes import server_user
from observatory.stack.ports import private_ports
from observatory.stack.throwaway import throwaway_folder
from observatory.tests.deadlines import eventually
from tenants.scope import operator_scope

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(PROGRAM is None, reason="no pgbouncer on this machine: install pgbouncer"),
]

CONFIGURATION = """
[databases]
{database} = host={host} port={port} dbname={database}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = trust
auth_file = {users}
pool_mode = transaction
default_pool_size = 2
max_client_conn = 100
ignore_startup_parameters = extra_float_digits
"""


@pytest.fixture
def bouncer(transactional_db):
    """The address of this test's database by way of PgBouncer."""
    parts = conninfo_to_dict(settings.DATABASE_URL)
    listen = next(private_ports())
    database = connection.settings_dict["NAME"]
    with throwaway_folder() as folder:
        users, configuration = folder / "users.txt", folder / "pgbouncer.ini"
        users.write_text(f'"{parts["user"]}" "{parts["password"]}"\n')
        configuration.write_text(
            CONFIGURATION.format(
                database=database,
                host=parts["host"],
                port=parts["port"],
                listen=listen,
                users=users,
            )
        )
        # Like PostgreSQL, it refuses to run as root.
        user = server_user()
        identity = {"user": user.uid, "group": user.gid, "extra_groups": []} if user else {}
        log = folder / "pgbouncer.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [PROGRAM, configuration], cwd="/", stdout=output, stderr=output, **identity
            )
        address = {**parts, "port": str(listen), "dbname": database}
        try:
            await_listener(address, log)
            yield address
        finally:
            process.kill()
            process.wait()


def await_listener(address, log):
    try:
        eventually(lambda: can_connect(address))
    except AssertionError:
        pytest.fail(f"PgBouncer lets nobody in: {log.read_text()}")


def can_connect(address):
    try:
        psycopg.connect(make_conninfo(**address), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture
def through(bouncer):
    """Django's own connection, of whichever thread, by way of PgBouncer."""
    before = {**connection.settings_dict}

    def connect():
        connection.close()
        connection.settings_dict.update(HOST=bouncer["host"], PORT=bouncer["port"])
        return connection

    yield connect
    connection.close()
    connection.settings_dict.update(before)


def test_interleaved_transactions_see_their_own_tenant_only(bouncer):
    with operator_scope():
        tenants = [EnvironmentFactory().tenant_id for _ in range(4)]
    script = "SELECT set_config('app.tenant', %s, true)"

    def look(number: int) -> set[UUID]:
        wanted = tenants[number % 4]
        with psycopg.connect(make_conninfo(**bouncer), prepare_threshold=None) as client:
            client.execute(script, [str(wanted)])
            rows = client.execute("SELECT tenant_id FROM executions_environment").fetchall()
            client.commit()
            after = client.execute("SELECT count(*) FROM executions_environment").fetchone()
        assert after == (0,)
        return {row[0] for row in rows} ^ {wanted}

    with ThreadPoolExecutor(12) as threads:
        assert list(threads.map(look, range(120))) == [set()] * 120


def test_leases_and_scopes_hold(through):
    with operator_scope():
        environment = EnvironmentFactory()
    ids = {"tenant_id": environment.tenant_id, "environment_id": environment.pk}
    through()

    first = leases.acquire(**ids, owner="first")
    assert leases.acquire(**ids, owner="second") is None
    with leases.writing(first, "page 2"):
        assert Environment.objects.get() == environment
    assert not Environment.objects.exists()
    leases.release(first)

    assert leases.acquire(**ids, owner="second").token == first.token + 1
