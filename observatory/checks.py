"""System checks: mistakes of configuration that would cost data or secrets, each with its cure."""

from typing import Any

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register


@register(Tags.security, deploy=True)
def secrets_are_set(**_: Any) -> list[CheckMessage]:
    return missing_secrets()


def missing_secrets() -> list[CheckMessage]:
    """What the web server and the workers cannot run without."""
    found: list[CheckMessage] = []
    if not settings.SECRET_KEY_IS_SET:
        found.append(
            Error(
                "OBSERVATORY_SECRET_KEY is not set.",
                hint="Set it, or OBSERVATORY_SECRET_KEY_FILE, to 50 or more random characters.",
                id="observatory.E001",
            )
        )
    if not settings.ENCRYPTION_KEYS:
        found.append(
            Error(
                "OBSERVATORY_ENCRYPTION_KEYS is not set.",
                hint=f"Set it to a Fernet key, as this new one: {Fernet.generate_key().decode()}",
                id="observatory.E002",
            )
        )
    for number, key in enumerate(settings.ENCRYPTION_KEYS, 1):
        try:
            Fernet(key)
        except ValueError:
            found.append(
                Error(
                    f"Key number {number} of OBSERVATORY_ENCRYPTION_KEYS is not a Fernet key.",
                    hint="A Fernet key is 32 bytes in URL-safe base64: 44 characters.",
                    id="observatory.E003",
                )
            )
    return found
