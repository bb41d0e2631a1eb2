import argparse
import socket

import pytest

from observatory.management.commands.test import chooses_processes
from observatory.management.commands.up import port_number
from observatory.stack import StackError
from observatory.stack.launch import (
    allowed_hosts,
    application_environment,
    is_live,
    shared_part,
    without_owner,
)
from observatory.stack.ports import first_free, is_free, private_ports
from observatory.stack.servers import Addresses
from observatory.stack.services import SERVICES
from observatory.stack.state import new_secrets

ADDRESSES = Addresses("postgres://web@db/x", "postgres://owner@db/x", "redis://cache")


def test_what_the_person_leaves_open_gets_values_that_fit_this_machine() -> None:
    secrets = new_secrets()

    made = application_environment({"HOME": "/me"}, ADDRESSES, secrets, "127.0.0.1")

    assert made == {
        "HOME": "/me",
        "DATABASE_URL": "postgres://web@db/x",
        "DATABASE_OWNER_URL": "postgres://owner@db/x",
        "REDIS_URL": "redis://cache",
        "OBSERVATORY_SECRET_KEY": secrets.secret_key,
        "OBSERVATORY_ENCRYPTION_KEYS": secrets.encryption_key,
        "OBSERVATORY_ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]",
        "OBSERVATORY_ALLOWED_NETWORKS": "loopback,private",
        "PYTHONUNBUFFERED": "1",
    }


def test_the_persons_own_settings_win() -> None:
    own = {"OBSERVATORY_SECRET_KEY_FILE": "/key", "OBSERVATORY_ALLOWED_NETWORKS": "10.0.0.0/8"}

    made = application_environment(own, ADDRESSES, new_secrets(), "127.0.0.1")

    assert "OBSERVATORY_SECRET_KEY" not in made
    assert made["OBSERVATORY_ALLOWED_NETWORKS"] == "10.0.0.0/8"


def test_an_address_is_never_given_twice() -> None:
    own = {"DATABASE_URL_FILE": "/url", "REDIS_URL_FILE": "/url"}

    made = application_environment(own, ADDRESSES, new_secrets(), "127.0.0.1")

    assert not own.keys() & made.keys()


def test_web_and_workers_cannot_become_the_owner() -> None:
    made = {"DATABASE_URL": "a", "DATABASE_OWNER_URL": "b", "DATABASE_OWNER_URL_FILE": "c"}

    assert without_owner(made) == {"DATABASE_URL": "a"}


def test_other_commands_get_addresses_and_keys_only() -> None:
    made = {
        "DATABASE_URL": "a",
        "REDIS_URL": "b",
        "OBSERVATORY_SECRET_KEY": "c",
        "OBSERVATORY_ADMIN_PASSWORD": "d",
        "OBSERVATORY_ADMIN_PASSWORD_FILE": "e",
        "PATH": "f",
    }

    assert shared_part(made).keys() == {"DATABASE_URL", "REDIS_URL", "OBSERVATORY_SECRET_KEY"}


@pytest.mark.parametrize(
    ("host", "hosts"),
    [
        ("127.0.0.1", "localhost,127.0.0.1,[::1]"),
        ("obs.example", "localhost,127.0.0.1,[::1],obs.example"),
        ("fd00::1", "localhost,127.0.0.1,[::1],[fd00::1]"),
        ("0.0.0.0", "*"),
        ("::", "*"),
    ],
)
def test_people_may_come_by_the_names_we_listen_on(host: str, hosts: str) -> None:
    assert allowed_hosts(host) == hosts


def test_a_taken_port_gives_the_next_free_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]

        assert not is_free("127.0.0.1", taken)
        assert first_free("127.0.0.1", taken) > taken


def test_an_address_of_another_machine_is_refused_in_a_sentence() -> None:
    with pytest.raises(StackError, match=r"cannot listen on 192\.0\.2\.1, port 8000"):
        first_free("192.0.2.1", 8000)


def test_each_private_port_is_another_one() -> None:
    ports = private_ports()

    assert len({next(ports) for _ in range(10)}) == 10


def test_nobody_who_listens_is_not_live() -> None:
    assert not is_live("127.0.0.1", next(private_ports()))


@pytest.mark.parametrize("text", ["0", "65536", "-1", "http", "80.0", ""])
def test_a_wrong_port_is_named(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="allowed are numbers from 1 to 65535"):
        port_number(text)


def test_every_service_is_a_module_without_an_address_of_its_own() -> None:
    assert [service.name for service in SERVICES] == ["web", "worker", "beat"]
    assert all("--port" not in service.command for service in SERVICES)


@pytest.mark.parametrize(
    ("arguments", "chosen"),
    [
        ([], False),
        (["-k", "name"], False),
        (["-n", "0"], True),
        (["-n4"], True),
        (["--numprocesses=auto"], True),
        (["-p", "no:xdist"], True),
        (["--pdb"], True),
    ],
)
def test_tests_use_both_cores_unless_told_otherwise(arguments: list[str], chosen: bool) -> None:
    assert chooses_processes(arguments) is chosen
