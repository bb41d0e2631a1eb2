"""The filter of executions: one form that pages and the API share, strict about every name."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, QuerySet
from django.http import QueryDict
from django.utils import timezone

from executions.models import Environment, Execution, Workflow
from executions.moments import parse_moment
from executions.statuses import NormalizedStatus
from tenants.models import Tenant

MAXIMUM_VALUES = 50


class ManyValues(forms.MultipleChoiceField):
    """A repeated key whose values are free text within a length, or one of the choices."""

    def __init__(self, *, choices: Iterable[tuple[str, str]] = (), length: int, help: str) -> None:
        known = list(choices)
        super().__init__(choices=known, required=False, help_text=help)
        self.length = length
        self.allowed = [key for key, _ in known]

    def clean(self, value: Any) -> list[str]:
        values = [text.strip() for text in value or [] if text.strip()]
        if len(values) > MAXIMUM_VALUES:
            raise ValidationError(f"{len(values)} values are too many; up to {MAXIMUM_VALUES}.")
        for text in values:
            if "\0" in text or len(text) > self.length:
                raise ValidationError(f"“{text[:40]}…” is longer than {self.length} characters.")
            if self.allowed and text not in self.allowed:
                known = ", ".join(self.allowed)
                raise ValidationError(f"“{text[:40]}” is not one of: {known}.")
        return values


class MomentField(forms.CharField):
    """A moment, absolute or relative to now."""

    def clean(self, value: Any) -> datetime | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            return parse_moment(text, now=timezone.now())
        except ValueError as error:
            raise ValidationError(str(error)) from error


class MillisecondsField(forms.CharField):
    """A duration in whole milliseconds."""

    def clean(self, value: Any) -> int | None:
        text = super().clean(value)
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= 15):
            raise ValidationError(f"“{text[:40]}” is not a number of milliseconds, such as 1500.")
        return int(text)


class ExecutionFilter(forms.Form):
    """What a list of executions is narrowed to; every key may be left out."""

    environment = ManyValues(length=36, help="Id of an environment.")
    workflow = ManyValues(length=64, help="n8n's id of a workflow.")
    tag = ManyValues(length=100, help="A tag that the workflow has now.")
    status = ManyValues(choices=NormalizedStatus.choices(), length=20, help="Normalized status.")
    mode = ManyValues(length=40, help="How it was started: webhook, trigger, retry, …")
    error_class = ManyValues(  # type: ignore[assignment]  # the form's own class is never used
        length=20, help="Class of the error, such as timeout."
    )
    group = ManyValues(length=32, help="Fingerprint of an error group.")
    started_after = MomentField(
        required=False, max_length=40, help_text="From this time on: RFC 3339 or now-24h."
    )
    started_before = MomentField(
        required=False, max_length=40, help_text="Before this time: RFC 3339 or now-1h."
    )
    duration_min = MillisecondsField(required=False, help_text="At least so many milliseconds.")
    duration_max = MillisecondsField(required=False, help_text="At most so many milliseconds.")
    q = forms.CharField(
        required=False, max_length=200, help_text="Text within the error's message."
    )

    # What stands beside a filter in an address without being one.
    COMPANIONS = frozenset({"cursor", "limit", "tenant", "format"})

    def __init__(self, data: QueryDict, *, tenant: Tenant) -> None:
        super().__init__(data)
        self.tenant = tenant
        self.environments = list(Environment.objects.for_tenant(tenant).order_by("name"))

    def clean_environment(self) -> list[str]:
        known = {str(environment.pk) for environment in self.environments}
        for text in self.cleaned_data["environment"]:
            if text not in known:
                raise ValidationError(f"“{text}” is not the id of one of your environments.")
        return list(self.cleaned_data["environment"])

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        for name in sorted(set(self.data) - set(self.fields) - self.COMPANIONS):
            message = f"“{name[:40]}” is not a filter; there are: {', '.join(self.fields)}."
            self.add_error(None, message)
        after, before = values.get("started_after"), values.get("started_before")
        if after and before and after >= before:
            self.add_error("started_before", "The range ends before it begins.")
        low, high = values.get("duration_min"), values.get("duration_max")
        if low is not None and high is not None and low > high:
            self.add_error("duration_max", "The longest duration is below the shortest.")
        return values

    def executions(self) -> QuerySet[Execution]:
        """The tenant's executions that match; call after ``is_valid()``."""
        rows = Execution.objects.for_tenant(self.tenant)
        for name, lookup in LOOKUPS.items():
            value = self.cleaned_data.get(name)
            if value not in (None, "", []):
                rows = rows.filter(**{lookup: value})
        if tags := self.cleaned_data.get("tag"):
            rows = rows.filter(Exists(tagged_workflows(self.tenant.pk, tags)))
        return rows

    @property
    def is_narrowing(self) -> bool:
        return any(self.cleaned_data.get(name) for name in self.fields)


def tagged_workflows(tenant_id: UUID, tags: Sequence[str]) -> QuerySet[Workflow]:
    """The workflows of an outer query's executions, as far as they have one of the tags now."""
    return Workflow.objects.for_tenant(tenant_id).filter(
        environment=OuterRef("environment_id"),
        workflow_id=OuterRef("workflow_id"),
        tags__overlap=list(tags),
    )


LOOKUPS = {
    "environment": "environment_id__in",
    "workflow": "workflow_id__in",
    "status": "normalized_status__in",
    "mode": "mode__in",
    "error_class": "error_class__in",
    "group": "fingerprint__in",
    "started_after": "occurred_at__gte",
    "started_before": "occurred_at__lt",
    "duration_min": "execution_time__gte",
    "duration_max": "execution_time__lte",
    "q": "error_message__icontains",
}
