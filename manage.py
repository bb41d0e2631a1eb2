#!/usr/bin/env python3
"""Every command of Observatory starts here, on a machine that has nothing but Python.

This file alone stays readable to old Pythons, so that they can say what is wrong.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - the very case this line is for
    sys.exit(
        f"Observatory needs Python 3.11 or newer, and {sys.executable} is Python"
        f" {sys.version_info[0]}.{sys.version_info[1]}. Start it with a newer one, for example:"
        " python3.11 manage.py up"
    )

from observatory import bootstrap

if __name__ == "__main__":
    bootstrap.run(sys.argv)
