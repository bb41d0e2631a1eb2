"""Tables of saved views; loaded by executions.models. Their keys are made by SQL."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from tenants.models import TenantOwned


class SavedView(TenantOwned):
    """A search with its columns, as the part of an address behind the question mark."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=80)
    address = models.TextField()
    is_shared = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name", "id")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "owner", "name"], name="savedview_unique_name_of_owner"
            )
        ]

    def __str__(self) -> str:
        return self.name


class DefaultView(TenantOwned):
    """The view that the list opens with for one person."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    view = models.ForeignKey(
        SavedView, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "user"], name="defaultview_one_a_person")
        ]

    def __str__(self) -> str:
        return f"{self.user} begins with {self.view}"
