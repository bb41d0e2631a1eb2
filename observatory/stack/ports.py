"""Ports that are free now."""

import errno
import random
import socket
from collections.abc import Iterator

from observatory.stack import StackError

# Below the ports that systems give to outgoing connections: one of those could sit on a server's
# port just when the server has to be started again.
PRIVATE_PORTS = range(15_000, 30_000)
HIGHEST_PORT = 65_535


def private_ports() -> Iterator[int]:
    """Free ports of the loopback address for servers of our own, each another one."""
    for port in random.sample(PRIVATE_PORTS, len(PRIVATE_PORTS)):
        if is_free("127.0.0.1", port):
            yield port
    raise StackError(
        f"No port from {PRIVATE_PORTS[0]} to {PRIVATE_PORTS[-1]} is free on 127.0.0.1: stop some"
        " other programs and run this again."
    )


def first_free(host: str, port: int) -> int:
    """The port itself, or the next one above that is free."""
    for candidate in range(port, HIGHEST_PORT + 1):
        if is_free(host, candidate):
            return candidate
    raise StackError(
        f"No port from {port} to {HIGHEST_PORT} is free on {host}: choose a lower one."
    )


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there; faults other than a taken port are for the person."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except OSError as fault:
        if fault.errno == errno.EADDRINUSE:
            return False
        raise StackError(
            f"Observatory cannot listen on {host}, port {port}: {fault.strerror}. Give --host an"
            " address of this machine and --port a number from 1024 to 65535."
        ) from fault
    return True
