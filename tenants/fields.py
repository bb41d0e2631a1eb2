"""EncryptedTextField: a text that the database sees only encrypted."""

from typing import Any

from django.db import models
from django.db.models.query_utils import DeferredAttribute

from tenants.encryption import decrypt, encrypt

MISSING = object()


class Ciphertext(str):
    """A stored value that has not been decrypted; told apart from clear text by its type."""

    __slots__ = ()


class DecryptedOnRead(DeferredAttribute):
    """Keeps what the database gave and decrypts it when somebody reads the attribute."""

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        if instance is None:
            return self
        # Not there: the row was read without this column, and the base class fetches it.
        value = instance.__dict__.get(self.field.attname, MISSING)
        if value is MISSING:
            value = super().__get__(instance, cls)
        if isinstance(value, Ciphertext):
            return decrypt(value, instance.tenant_id)
        return value

    def __set__(self, instance: Any, value: Any) -> None:
        """Without this Python would take the instance's own value and never ask ``__get__``."""
        instance.__dict__[self.field.attname] = value


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]
    """Clear text in Python, encrypted and bound to the row's tenant in the database.

    Reading raises tenants.encryption.SecretUnreadable where the key is lost. Bulk updates by
    queryset cannot know the tenant and are refused.
    """

    descriptor_class = DecryptedOnRead

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Any:
        return None if value is None else Ciphertext(value)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = model_instance.__dict__.get(self.attname)
        if value is None or isinstance(value, Ciphertext):
            return value
        stored = Ciphertext(encrypt(value, model_instance.tenant_id))  # type: ignore[attr-defined]
        model_instance.__dict__[self.attname] = stored
        return stored

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        if value is not None and not isinstance(value, Ciphertext):
            raise ValueError(f"{self.name} can be written only by saving its row.")
        return None if value is None else str(value)
