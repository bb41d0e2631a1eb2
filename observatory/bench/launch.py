"""A bench in a process of its own, on throw-away servers that end with it.

The process starts from an environment that names no installation, so it can reach none.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping

from observatory.bootstrap import PROJECT
from observatory.stack.processes import end_with_parent
from observatory.stack.servers import Addresses
from observatory.stack.throwaway import environment_of, throwaway_servers

OF_AN_INSTALLATION = ("OBSERVATORY_", "DATABASE_", "REDIS_")


def run_bench(arguments: list[str]) -> int:
    """Run `python -m observatory.bench` with these arguments; its exit status."""
    # The settings of an installation: what a commit costs is part of what is measured.
    with throwaway_servers(settings={}) as addresses:
        process = subprocess.Popen(
            [sys.executable, "-m", "observatory.bench", *arguments],
            cwd=PROJECT,
            env=bench_environment(os.environ, addresses),
            preexec_fn=end_with_parent(signal.SIGKILL),
        )
        try:
            return process.wait()
        finally:
            process.kill()
            process.wait()


def bench_environment(environment: Mapping[str, str], addresses: Addresses) -> dict[str, str]:
    kept = {k: v for k, v in environment.items() if not k.startswith(OF_AN_INSTALLATION)}
    return {
        **kept,
        **environment_of(addresses),
        "DJANGO_SETTINGS_MODULE": "observatory.settings",
        "OBSERVATORY_ALLOWED_NETWORKS": "loopback",
        "OBSERVATORY_LOG_LEVEL": "WARNING",
        # Django keeps every statement in memory while it debugs.
        "OBSERVATORY_DEBUG": "false",
    }
