"""A tenant's own rules of grouping: kept, tried out, and carried out on what is stored."""

from collections import Counter
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from analytics.regrouping import request_regrouping
from executions.error_rules import MOST_RULES, ErrorRule
from executions.grouping.own_rules import matches
from executions.models import DetailState, Execution
from tenants import audit
from tenants.audit import Actor
from tenants.models import Tenant

# So many of the newest failures say what a rule would do.
PREVIEWED = 1000
SAMPLES = 5
GROUPS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Touched:
    """A group that a rule would take failures from."""

    fingerprint: str
    error_type: str
    failures: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What a rule would do to the newest failures."""

    examined: int
    matched: int
    groups: tuple[Touched, ...]
    sample_messages: tuple[str, ...]


def preview_rule(tenant_id: UUID, rule: ErrorRule) -> Preview:
    """Try a rule that need not be stored; nothing changes."""
    own, found = rule.as_own_rule(), []
    rows = _newest(tenant_id)
    for message, fingerprint, template in rows:
        if matches(own, message):
            found.append((message, fingerprint, template))
    groups = Counter((fingerprint, template) for _, fingerprint, template in found)
    return Preview(
        examined=len(rows),
        matched=len(found),
        groups=tuple(Touched(*key, count) for key, count in groups.most_common(GROUPS_SHOWN)),
        sample_messages=tuple(dict.fromkeys(message for message, _, _ in found))[:SAMPLES],
    )


def rules_of(tenant: Tenant) -> QuerySet[ErrorRule]:
    return ErrorRule.objects.for_tenant(tenant)


def add_rule(tenant: Tenant, values: dict[str, Any], *, actor: Actor) -> ErrorRule:
    """Raises ValidationError with a sentence for each fault."""
    if rules_of(tenant).count() >= MOST_RULES:
        raise ValidationError(f"There are {MOST_RULES} rules, which is the most; remove one first.")
    rule = ErrorRule(tenant=tenant, created_by=actor.label[:200], **values)
    return _save(rule, actor, "added error rule")


def change_rule(rule: ErrorRule, values: dict[str, Any], *, actor: Actor) -> ErrorRule:
    """Raises ValidationError with a sentence for each fault."""
    for name, value in values.items():
        setattr(rule, name, value)
    return _save(rule, actor, "changed error rule")


def remove_rule(rule: ErrorRule, *, actor: Actor) -> None:
    """Its failures go back to the groups that they would be in without it."""
    audit.record(tenant=rule.tenant, actor=actor, action="removed error rule", subject=rule)
    rule.delete()
    request_regrouping(rule.tenant_id, f"Without the rule {rule}"[:200])


def _save(rule: ErrorRule, actor: Actor, action: str) -> ErrorRule:
    rule.full_clean()
    rule.save()
    changes = {name: getattr(rule, name) for name in ("name", "kind", "pattern", "error_class")}
    audit.record(tenant=rule.tenant, actor=actor, action=action, subject=rule, changes=changes)
    request_regrouping(rule.tenant_id, f"With the rule {rule}"[:200])
    return rule


def _newest(tenant_id: UUID) -> list[tuple[str, str, str]]:
    rows = (
        Execution.objects.for_tenant(tenant_id)
        .filter(detail_state=DetailState.FETCHED)
        .exclude(normalized_status="success")
        .exclude(error_message="")
    )
    newest = rows.order_by("-occurred_at", "-id")[:PREVIEWED]
    return list(newest.values_list("error_message", "fingerprint", "error_template"))
