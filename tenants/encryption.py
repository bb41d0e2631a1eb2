"""Secrets at rest: Fernet with a list of keys, each value bound to its tenant.

The first key encrypts, all of them decrypt, so that a key can be replaced while old values stay
readable. The tenant's id stands inside the encrypted text: a value copied into another tenant's
row does not decrypt there.
"""

from functools import lru_cache
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


class SecretUnreadable(Exception):
    """The value was encrypted with a key that is not in the list, or for another tenant."""


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    if not keys:
        raise ImproperlyConfigured(
            "OBSERVATORY_ENCRYPTION_KEYS is not set; it must hold at least one Fernet key."
        )
    return MultiFernet([Fernet(key) for key in keys])


def _ciphers() -> MultiFernet:
    return _fernet(tuple(settings.ENCRYPTION_KEYS))


def encrypt(clear: str, tenant_id: UUID) -> str:
    """The text that may be stored for this tenant."""
    return _ciphers().encrypt(f"{tenant_id}\n{clear}".encode()).decode()


def decrypt(stored: str, tenant_id: UUID) -> str:
    """The clear text. Raises SecretUnreadable for a lost key or another tenant's value."""
    try:
        owner, _, clear = _ciphers().decrypt(stored.encode()).decode().partition("\n")
    except InvalidToken as error:
        raise SecretUnreadable("No key of OBSERVATORY_ENCRYPTION_KEYS reads this value.") from error
    if owner != str(tenant_id):
        raise SecretUnreadable("This value was encrypted for another tenant.")
    return clear


def is_current(stored: str) -> bool:
    """Whether the first key wrote the value."""
    try:
        Fernet(settings.ENCRYPTION_KEYS[0]).decrypt(stored.encode())
    except InvalidToken:
        return False
    return True


def rotate(stored: str) -> str:
    """The same value under the first key."""
    try:
        return _ciphers().rotate(stored.encode()).decode()
    except InvalidToken as error:
        raise SecretUnreadable("No key of OBSERVATORY_ENCRYPTION_KEYS reads this value.") from error
