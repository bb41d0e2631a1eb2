"""Identifiers of rows: UUID version 7 (RFC 9562, section 5.7).

The leading milliseconds keep new rows together in the primary key's index, and the random rest
makes them impossible to guess.
"""

import secrets
import time
import uuid


def uuid7() -> uuid.UUID:
    """A new UUID whose first 48 bits are the Unix time in milliseconds."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & (2**48 - 1)) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=value)
