"""A tenant's own rules of grouping: kept, tried out, and carried out on what is stored."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from os.path import commonprefix
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Max, QuerySet

from analytics.regrouping import request_regrouping
from executions.error_rules import LONGEST_NAME, LONGEST_PATTERN, MOST_RULES, ErrorRule
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


def draft_for(name: str, messages: Sequence[str]) -> dict[str, str]:
    """A rule to begin with: what all of these messages begin and end with."""
    texts = list(dict.fromkeys(messages)) or [name]
    if len(texts) == 1:
        kind, pattern = ErrorRule.Kind.LITERAL, texts[0][:LONGEST_PATTERN]
    else:
        half = LONGEST_PATTERN // 2 - 1
        beginning = commonprefix(texts)
        end = commonprefix([text[len(beginning) :][::-1] for text in texts])[::-1]
        kind, pattern = ErrorRule.Kind.GLOB, f"{beginning[:half]}*{end[-half:]}"
    return {"name": name[:LONGEST_NAME], "kind": kind.value, "pattern": pattern}


def rules_of(tenant: Tenant) -> QuerySet[ErrorRule]:
    return ErrorRule.objects.for_tenant(tenant)


def add_rule(tenant: Tenant, values: dict[str, Any], *, actor: Actor) -> ErrorRule:
    """Raises ValidationError with a sentence for each fault."""
    if rules_of(tenant).count() >= MOST_RULES:
        raise ValidationError(f"There are {MOST_RULES} rules, which is the most; remove one first.")
    rule = ErrorRule(tenant=tenant, created_by=actor.label[:200], **values)
    last = rules_of(tenant).aggregate(last=Max("position"))["last"]
    rule.position = 0 if last is None else last + 1
    return _save(rule, actor, "added error rule")


def change_rule(rule: ErrorRule, values: dict[str, Any], *, actor: Actor) -> ErrorRule:
    """Raises ValidationError with a sentence for each fault."""
    for name, value in values.items():
        setattr(rule, name, value)
    return _save(rule, actor, "changed error rule")


def move_rule(rule: ErrorRule, place: int, *, actor: Actor) -> None:
    """Put it at this place of the order, the first being 1; one too great means the last."""
    others = [one for one in rules_of(rule.tenant).select_for_update() if one.pk != rule.pk]
    ordered = [*others[: place - 1], rule, *others[place - 1 :]]
    for position, one in enumerate(ordered, 1):
        one.position = position
    ErrorRule.objects.for_tenant(rule.tenant_id).bulk_update(ordered, ["position"])
    audit.record(
        tenant=rule.tenant,
        actor=actor,
        action="moved error rule",
        subject=rule,
        changes={"place": ordered.index(rule) + 1},
    )
    request_regrouping(rule.tenant_id, f"Moved the rule {rule}"[:200])


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
