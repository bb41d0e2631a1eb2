import uuid

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from tenants.encryption import SecretUnreadable, decrypt, encrypt, rotate

TENANT, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)


def test_it_gives_back_what_it_encrypted():
    stored = encrypt("line one\nline two", TENANT)

    assert "line" not in stored
    assert decrypt(stored, TENANT) == "line one\nline two"


def test_a_value_of_another_tenant_is_unreadable():
    stored = encrypt("key", TENANT)

    with pytest.raises(SecretUnreadable, match="another tenant"):
        decrypt(stored, OTHER)


def test_a_value_under_a_lost_key_is_unreadable(settings):
    stored = encrypt("key", TENANT)
    settings.ENCRYPTION_KEYS = (Fernet.generate_key().decode(),)

    with pytest.raises(SecretUnreadable, match="OBSERVATORY_ENCRYPTION_KEYS"):
        decrypt(stored, TENANT)


def test_a_rotated_value_needs_only_the_new_key(settings):
    old, new = settings.ENCRYPTION_KEYS[0], Fernet.generate_key().decode()
    stored = encrypt("key", TENANT)

    settings.ENCRYPTION_KEYS = (new, old)
    rotated = rotate(stored)
    settings.ENCRYPTION_KEYS = (new,)

    assert decrypt(rotated, TENANT) == "key"


def test_it_refuses_to_work_without_a_key(settings):
    settings.ENCRYPTION_KEYS = ()

    with pytest.raises(ImproperlyConfigured, match="OBSERVATORY_ENCRYPTION_KEYS"):
        encrypt("key", TENANT)
