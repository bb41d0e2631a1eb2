"""Readers of environment variables for settings.

Each stops the start with one sentence that names the variable and what is allowed, so that a
wrong value is found when the process starts and not when the setting is first used.
"""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off"})


def text(name: str, default: str = "", *, allowed: tuple[str, ...] | None = None) -> str:
    """The variable's value, stripped; the default where it is not set or empty."""
    value = os.environ.get(name, "").strip() or default
    if allowed is not None and value not in allowed:
        raise ImproperlyConfigured(f"{name} is {value!r}; allowed are {', '.join(allowed)}.")
    return value


def boolean(name: str, default: bool) -> bool:
    """A yes or no, spelled 1/0, true/false, yes/no or on/off."""
    value = os.environ.get(name, "").strip().lower()
    if not value:
        return default
    if value in TRUE_WORDS:
        return True
    if value in FALSE_WORDS:
        return False
    raise ImproperlyConfigured(f"{name} is {value!r}; allowed are true and false.")


def integer(name: str, default: int, *, minimum: int, maximum: int) -> int:
    """A whole number from minimum to maximum."""
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    try:
        number = int(value)
    except ValueError:
        number = minimum - 1
    if not minimum <= number <= maximum:
        raise ImproperlyConfigured(
            f"{name} is {value!r}; allowed are whole numbers from {minimum} to {maximum}."
        )
    return number


def words(name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
    """A list separated by commas, empty parts left out."""
    value = os.environ.get(name, "")
    if not value.strip():
        return default
    return tuple(part.strip() for part in value.split(",") if part.strip())


def secret(name: str, default: str = "") -> str:
    """A secret from the variable itself, or from the file that its ``_FILE`` twin names."""
    path = os.environ.get(f"{name}_FILE", "").strip()
    value = os.environ.get(name, "").strip()
    if path and value:
        raise ImproperlyConfigured(f"Both {name} and {name}_FILE are set; set only one of them.")
    if not path:
        return value or default
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(
            f"{name}_FILE names {path}, which cannot be read: {error}."
        ) from error
