"""Answers of the API, written by serializers that are made once.

The framework copies every field of a serializer for each answer, nested ones as well, which takes a
twentieth of a large one. What writes an answer keeps nothing of it.
"""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from rest_framework.serializers import BaseSerializer


def written(kind: Callable[[], BaseSerializer[Any]], value: Any) -> Any:
    """The value as the serializer writes it, which must ask nothing of its context."""
    return _writer(kind).to_representation(value)


def all_written(kind: Callable[[], BaseSerializer[Any]], values: Iterable[Any]) -> list[Any]:
    """The same of each value."""
    writer = _writer(kind)
    return [writer.to_representation(value) for value in values]


@cache
def _writer(kind: Callable[[], BaseSerializer[Any]]) -> BaseSerializer[Any]:
    return kind()
