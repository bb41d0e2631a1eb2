"""Readers of single values out of hostile JSON: each has one rule for all that is wrong.

None of them raises, except `id_text`: a row without an id is no row. What had to be changed is
noted in `Notes`, one for each row.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from executions.n8n.payloads import RowFlag

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# No n8n ran before and none will by then: a time outside is a broken clock or a placeholder.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
# n8n itself writes the year 3000 for "waits until somebody answers".
FOREVER = datetime(9000, 1, 1, tzinfo=UTC)
SECONDS = range(946_684_800, 10**10)
MAX_ID = 64
MAX_WORD = 40
MAX_SIZE = 2**63 - 1
MAX_EXACT_FLOAT = 2**53

UNFIT = re.compile("[\x00\ud800-\udfff]")
EXPANDED_YEAR = re.compile(r"[+-]\d{6}-\d\d-\d\d")
DIGITS = re.compile(r"-?\d{9,17}")

TEXT_CLEANED = int(RowFlag.TEXT_CLEANED)
TEXT_CUT = int(RowFlag.TEXT_CUT)
WRONG_TYPE = int(RowFlag.WRONG_TYPE)
WITHOUT_ZONE = int(RowFlag.TIME_WITHOUT_ZONE)
UNREADABLE = int(RowFlag.TIME_UNREADABLE)
OUT_OF_RANGE = int(RowFlag.TIME_OUT_OF_RANGE)


class UnusableRow(ValueError):
    """A row that cannot be told apart from others, so it is left out."""


class Notes:
    """The flags of one row, collected while it is read."""

    __slots__ = ("flags",)

    def __init__(self) -> None:
        self.flags = 0


def text(value: object, notes: Notes, limit: int) -> str:
    """Text that a database takes, cut at the limit; what is no text is told by its flag."""
    if value is None:
        return ""
    if not isinstance(value, str):
        notes.flags |= WRONG_TYPE
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return ""
        value = number_text(value)
    if len(value) > limit:
        notes.flags |= TEXT_CUT
        value = value[:limit]
    if UNFIT.search(value):
        notes.flags |= TEXT_CLEANED
        value = UNFIT.sub("\ufffd", value)
    return value


def number_text(value: int | float) -> str:
    """A number as text; one too long to be written is none."""
    try:
        return str(value)
    except ValueError:
        return ""


def id_text(value: object, notes: Notes) -> str:
    """An id as text, from text or from an exact number. Raises UnusableRow."""
    if type(value) is str and value.isalnum() and value.isascii() and len(value) <= MAX_ID:
        return value
    found = optional_id(value, notes)
    if not found:
        raise UnusableRow("a row has no usable id")
    return found


def optional_id(value: object, notes: Notes) -> str:
    """An id as text, or the empty text; one that is too long or inexact is none."""
    if value is None:
        return ""
    if isinstance(value, str):
        if value.isalnum() and value.isascii() and len(value) <= MAX_ID:
            return value
        if len(value) > MAX_ID:
            notes.flags |= TEXT_CUT
            return ""
        return text(value.strip(), notes, MAX_ID)
    exact = _exact_number(value)
    if exact is None or abs(exact) >= 10**MAX_ID:
        notes.flags |= WRONG_TYPE
        return ""
    return str(exact)


def _exact_number(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) <= MAX_EXACT_FLOAT:
        return int(value)
    return None


def moment(value: object, notes: Notes, latest: datetime = LATEST) -> datetime | None:
    """A time in UTC from ISO text or milliseconds since 1970, if it can be meant."""
    if value is None:
        return None
    if type(value) is str:
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            return _odd_text_moment(value, notes, latest)
        if found.tzinfo is not UTC:
            return _in_utc(found, notes, latest)
        if EARLIEST <= found < latest:
            return found
        notes.flags |= OUT_OF_RANGE
        return None
    number = _exact_number(value)
    if number is None:
        notes.flags |= UNREADABLE
        return None
    return _from_milliseconds(number, notes, latest)


def _in_utc(found: datetime, notes: Notes, latest: datetime) -> datetime | None:
    if found.tzinfo is None:
        notes.flags |= WITHOUT_ZONE
        found = found.replace(tzinfo=UTC)
    try:
        found = found.astimezone(UTC)
    except OverflowError:
        notes.flags |= OUT_OF_RANGE
        return None
    return _if_meant(found, notes, latest)


def _if_meant(found: datetime, notes: Notes, latest: datetime) -> datetime | None:
    if EARLIEST <= found < latest:
        return found
    notes.flags |= OUT_OF_RANGE
    return None


def _odd_text_moment(value: str, notes: Notes, latest: datetime) -> datetime | None:
    if DIGITS.fullmatch(value):
        return _from_milliseconds(int(value), notes, latest)
    notes.flags |= OUT_OF_RANGE if EXPANDED_YEAR.match(value) else UNREADABLE
    return None


def _from_milliseconds(value: int, notes: Notes, latest: datetime) -> datetime | None:
    # n8n writes seconds where it recovers a crashed run from its event log.
    if value in SECONDS:
        value *= 1000
    try:
        return _if_meant(EPOCH + timedelta(milliseconds=value), notes, latest)
    except OverflowError:
        notes.flags |= OUT_OF_RANGE
        return None


def flag(value: object, notes: Notes) -> bool:
    """True only for true."""
    if value is not None and not isinstance(value, bool):
        notes.flags |= WRONG_TYPE
    return value is True


def count(value: object, notes: Notes) -> int | None:
    """A whole number from zero up to what a bigint holds, or none."""
    number = _exact_number(value)
    if number is not None and 0 <= number <= MAX_SIZE:
        return number
    if value is not None:
        notes.flags |= WRONG_TYPE
    return None


def mapping(value: object) -> dict[str, object]:
    """The object itself, or an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> list[object]:
    """The list itself, or an empty one."""
    return value if isinstance(value, list) else []


def first_of(*readings: Callable[[], str]) -> str:
    """The first reading that finds a text."""
    return next((found for reading in readings if (found := reading())), "")
