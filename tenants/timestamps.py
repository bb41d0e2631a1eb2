"""Moments as they come out of PostgreSQL, read by Python's own parser.

Django reads each by a regular expression, which is several times slower: an answer made of
thousands of moments notices that.
"""

from datetime import UTC, datetime
from typing import Any

from django.db.backends.signals import connection_created
from django.dispatch import receiver
from psycopg.abc import Buffer
from psycopg.types.datetime import TimestamptzLoader


class MomentLoader(TimestamptzLoader):
    """What no datetime can hold, as infinity, is left to the slow way and its error."""

    # Asked for by Django, which would else put its own in this one's place.
    timezone = UTC

    def load(self, data: Buffer) -> datetime:
        try:
            return datetime.fromisoformat(str(data, "ascii")).astimezone(UTC)
        except ValueError:
            return super().load(data).astimezone(UTC)


@receiver(connection_created)
def read_moments_quickly(connection: Any, **_: Any) -> None:
    connection.connection.adapters.register_loader("timestamptz", MomentLoader)
