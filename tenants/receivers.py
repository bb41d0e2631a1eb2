"""When somebody's rights change, their open streams are looked at at once."""

from typing import Any

from django.contrib.auth.signals import user_logged_out
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from tenants.models import ApiToken, Membership, User
from tenants.realtime import recheck_rights


@receiver([post_save, post_delete], sender=Membership)
def recheck_member(instance: Membership, **_: Any) -> None:
    _after_commit(instance.user_id)


@receiver([post_save, post_delete], sender=ApiToken)
def recheck_token(instance: ApiToken, created: bool = False, **_: Any) -> None:
    if not created:
        _after_commit(instance.pk)


@receiver([post_save, post_delete], sender=User)
def recheck_person(
    instance: User, created: bool = False, update_fields: Any = None, **_: Any
) -> None:
    if not created and set(update_fields or ()) != {"last_login"}:
        _after_commit(instance.pk)


@receiver(user_logged_out)
def recheck_signed_out(user: User | None, **_: Any) -> None:
    if user is not None:
        _after_commit(user.pk)


def _after_commit(who: Any) -> None:
    transaction.on_commit(lambda: recheck_rights(who))
