"""How many files this process may have open; every stream and every connection is one."""

import resource

WANTED = 65_536


def allow_many_open_files() -> None:
    """As many as the system allows an ordinary process: the usual 1,024 are fewer than streams."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
