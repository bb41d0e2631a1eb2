"""Identifiers of rows: UUID version 7 (RFC 9562, section 5.7).

The leading milliseconds keep new rows together in the primary key's index, and the random rest
makes them impossible to guess.
"""

import secrets
import time
import uuid

# All but the version and the variant.
RANDOM_BITS = (2**80 - 1) & ~(0xF << 76) & ~(0x3 << 62)


def uuid7() -> uuid.UUID:
    """A new UUID whose first 48 bits are the Unix time in milliseconds."""
    return uuid7s(1)[0]


def uuid7s(count: int) -> list[uuid.UUID]:
    """Many of the same moment; asking the system for randomness once is most of the time saved."""
    milliseconds = time.time_ns() // 1_000_000
    head = (milliseconds & (2**48 - 1)) << 80 | 0x7 << 76 | 0x2 << 62
    noise = secrets.token_bytes(10 * count)
    return [
        uuid.UUID(int=head | int.from_bytes(noise[start : start + 10], "big") & RANDOM_BITS)
        for start in range(0, 10 * count, 10)
    ]
