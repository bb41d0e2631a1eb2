"""Bodies of pushes: capped as they are sent and as they unfold (pure)."""

import zlib
from typing import Protocol

# n8n sends at most 512 spans at once, mostly below half a megabyte.
LARGEST_BODY = 8 * 1024 * 1024


class Refused(Exception):
    """A body that is not taken, with the HTTP status that says so."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def read_body(stream: Readable, *, encoding: str) -> bytes:
    """The whole body, unfolded. Raises Refused where it is too large or cannot be unfolded."""
    body = stream.read(LARGEST_BODY + 1)
    if len(body) > LARGEST_BODY:
        raise _too_large("is")
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise Refused(415, f"Content-Encoding {encoding[:40]!r} is not one of: gzip, identity.")
    return _unfold(body)


def _unfold(body: bytes) -> bytes:
    """A gzip file may hold several members; the cap is for all of them."""
    found = b""
    while body:
        member = zlib.decompressobj(wbits=31)
        try:
            found += member.decompress(body, LARGEST_BODY + 1 - len(found))
        except zlib.error as error:
            raise Refused(400, "The body is not the gzip that its header promises.") from error
        if len(found) > LARGEST_BODY:
            raise _too_large("unfolds to")
        if not member.eof:
            raise Refused(400, "The gzip body ends too early.")
        body = member.unused_data
    return found


def _too_large(how: str) -> Refused:
    return Refused(413, f"The body {how} more than {LARGEST_BODY:,} bytes; send less at once.")
