"""The tenant's own rules of which failures belong together; applied when a reason is stored."""

from typing import ClassVar
from uuid import UUID

from django.db import models
from django.db.models import Q

from executions.grouping.classes import CLASSES
from executions.grouping.own_rules import OwnRule
from tenants.models import TenantOwned

# Each is tried on every message that is stored.
MOST_RULES = 100
LONGEST_NAME = 200
LONGEST_PATTERN = 500


class ErrorRule(TenantOwned):
    """Failures whose message holds a text, or fits a glob, are one group with a name."""

    class Kind(models.TextChoices):
        LITERAL = "literal", "The message holds this text"
        GLOB = "glob", "The whole message fits, * stands for anything"

    name = models.CharField(max_length=LONGEST_NAME)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.LITERAL)
    pattern = models.CharField(max_length=LONGEST_PATTERN)
    error_class = models.CharField(
        max_length=20, blank=True, help_text="Class of its failures; empty: the class they have."
    )
    # Of two that match, the one that stands first wins.
    position = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("position", "created_at", "id")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "name"], name="errorrule_unique_name"),
            models.CheckConstraint(
                condition=Q(error_class__in=["", *CLASSES]), name="errorrule_class_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def as_own_rule(self) -> OwnRule:
        return OwnRule(
            id=str(self.pk),
            name=self.name,
            pattern=self.pattern,
            is_glob=self.kind == self.Kind.GLOB,
            error_class=self.error_class,
        )


def own_rules(tenant_id: UUID) -> list[OwnRule]:
    """The tenant's rules in their order: of two that match the first wins."""
    return [rule.as_own_rule() for rule in ErrorRule.objects.for_tenant(tenant_id)[:MOST_RULES]]
