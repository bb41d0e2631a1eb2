"""The long form of the kill suite; it prints a line for each seed.

    python -m executions.tests.faults.kill_suite --seeds 20 --executions 50000 --kills 20

Imports nothing of Django: pytest starts the servers before the settings are read.
"""

import argparse
import os
import sys
from pathlib import Path

import pytest


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--executions", type=int, default=50_000)
    parser.add_argument("--kills", type=int, default=20)
    chosen = parser.parse_args()
    for name, value in vars(chosen).items():
        os.environ[f"KILL_SUITE_{name.upper()}"] = str(value)
    test = Path(__file__).with_name("test_kills.py")
    return int(pytest.main([str(test), "-m", "slow", "-s", "-q", "-p", "no:randomly"]))


if __name__ == "__main__":
    sys.exit(main())
