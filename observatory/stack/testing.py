"""pytest plugin: throw-away PostgreSQL and Valkey for each run, and no way to the network.

The servers are started before Django's settings are read, by the process that the person started;
the processes of pytest-xdist inherit their addresses.
"""

import ipaddress
import os
import sys
from collections.abc import Generator
from contextlib import ExitStack
from typing import Any

import pytest

from observatory.stack import StackError
from observatory.stack.throwaway import environment_of, throwaway_servers


class NetworkRefused(RuntimeError):
    """A test tried to leave this machine."""


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """As a wrapper it comes before pytest-django, which reads the settings here."""
    options = early_config.known_args_namespace
    if is_worker():
        # Keys name rows, and each process has a database in which these are numbered from one.
        os.environ["REDIS_URL"] = redis_of_worker(os.environ["REDIS_URL"])
    elif not (options.help or options.version or options.collectonly):
        servers = ExitStack()
        early_config.add_cleanup(servers.close)
        try:
            addresses = servers.enter_context(throwaway_servers())
        except StackError as fault:
            pytest.exit(str(fault), returncode=3)
        os.environ |= environment_of(addresses)
    return (yield)


def pytest_configure() -> None:
    sys.addaudithook(refuse_network)


def is_worker() -> bool:
    return "PYTEST_XDIST_WORKER" in os.environ


def redis_of_worker(url: str) -> str:
    """Each process has one of the first eight databases; the others are for tests to empty."""
    number = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw")) % 8
    return f"{url.rpartition('/')[0]}/{number}"


def refuse_network(event: str, arguments: tuple[Any, ...]) -> None:
    """Python's audit hook: sees every connection, whichever library makes it."""
    if event in ("socket.connect", "socket.sendto") and not is_local(arguments[1]):
        raise NetworkRefused(f"Tests reach this machine only, and this one wanted {arguments[1]}.")


def is_local(address: Any) -> bool:
    """Unix sockets, netlink and the loopback address; a name is no address until resolved."""
    if not isinstance(address, tuple) or not isinstance(address[0], str):
        return True
    if address[0] in ("localhost", ""):
        return True
    try:
        return ipaddress.ip_address(address[0].partition("%")[0]).is_loopback
    except ValueError:
        return False
