from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.models import Field, Model

from tenants.encryption import SecretUnreadable, is_current, rotate
from tenants.fields import EncryptedTextField
from tenants.scope import operator_scope


class Command(BaseCommand):
    help = (
        "Encrypts every stored secret with the first key of OBSERVATORY_ENCRYPTION_KEYS; after it"
        " the older keys can be taken out. Safe to run again, and while everything runs. Exits 1"
        " where a value cannot be read."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        unreadable: list[str] = []
        for model in apps.get_models():
            for field in model._meta.get_fields():
                if isinstance(field, EncryptedTextField):
                    done, lost = rotate_column(model, field)
                    unreadable += lost
                    name = f"{model._meta.label}.{field.name}"
                    self.stdout.write(f"{name}: {done} encrypted anew, {len(lost)} unreadable")
        if unreadable:
            raise CommandError(
                f"No key reads the secrets of {', '.join(unreadable[:10])}: add the key that wrote"
                " them, or enter them again."
            )


def rotate_column(model: type[Model], field: "Field[Any, Any]") -> tuple[int, list[str]]:
    """Each value in a transaction of its own; one that changed meanwhile is left as it is."""
    done, lost = 0, []
    column = f'"{field.column}"'
    with operator_scope():
        rows = list(model._default_manager.order_by("pk"))
    for row in rows:
        stored = str(row.__dict__[field.attname])
        if is_current(stored):
            continue
        try:
            fresh = rotate(stored)
        except SecretUnreadable:
            lost.append(str(row))
            continue
        done += _replace(model, column, row.pk, stored, fresh)
    return done, lost


def _replace(model: type[Model], column: str, pk: Any, stored: str, fresh: str) -> int:
    table = model._meta.db_table
    with operator_scope(), connection.cursor() as cursor:
        # By SQL: the field itself refuses to write what it did not encrypt from clear text.
        cursor.execute(
            f'UPDATE "{table}" SET {column} = %s WHERE id = %s AND {column} = %s',
            [fresh, pk, stored],
        )
        return int(cursor.rowcount)
