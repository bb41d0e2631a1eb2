"""The filter of executions: one form that pages and the API share, strict about every name.

What its older keys say are tokens of the search as well, so a list is narrowed in one way only.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils import timezone

from executions.conditions import Conditions, matching
from executions.models import Environment, Execution
from executions.moments import parse_moment
from executions.search import LONGEST, TEXT, SearchFault, Term, parse
from executions.statuses import NormalizedStatus
from tenants.models import Tenant

MAXIMUM_VALUES = 50
# Tokens that are held against each run, however rare those are that fit,
DEAR = frozenset({TEXT, "error", "node", "duration", "version"})
# unless one of these, which indexes begin with, leaves few.
BOUNDING = frozenset({"workflow", "group", "id"})


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

    query = forms.CharField(
        required=False,
        max_length=LONGEST,
        strip=False,
        help_text="Tokens such as status:error -mode:manual duration:>30s, and text of errors.",
    )

    # What stands beside a filter in an address without being one.
    COMPANIONS = frozenset({"cursor", "limit", "tenant", "format", "column", "view"})
    # How far back a dear search without a time looks; nothing bounds it where this is None.
    usual_window: timedelta | None = None

    def __init__(self, data: QueryDict, *, tenant: Tenant) -> None:
        super().__init__(data)
        self.tenant = tenant
        self.environments = list(Environment.objects.for_tenant(tenant).order_by("name"))
        self.terms: tuple[Term, ...] = ()
        self.since: datetime | None = None
        self.until: datetime | None = None
        self.is_windowed = False
        self._condition = Q()

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
        if not self.errors:
            self._read_terms(values)
        return values

    def _read_terms(self, values: dict[str, Any]) -> None:
        """What is asked for as tokens, and as a condition."""
        now, zone = timezone.now(), timezone.get_current_timezone()
        conditions = Conditions(self.tenant.pk, self.environments, now, zone)
        try:
            typed = parse(values["query"], now=now, zone=zone)
            self.terms = tuple(dict.fromkeys([*_terms_of_keys(values), *typed]))
            self._condition = conditions.of(self.terms) & _scope(conditions, values)
            self.since, self.until = conditions.bounds(self.terms)
        except SearchFault as fault:
            self.add_error("query", str(fault))
        else:
            self.since = max(filter(None, (self.since, values["started_after"])), default=None)
            self.until = min(filter(None, (self.until, values["started_before"])), default=None)
            self._look_at_window(now)

    def _look_at_window(self, now: datetime) -> None:
        """Bound a search that would read each run of all time, where nobody named a time."""
        names = {term.name for term in self.terms if not term.is_negated}
        is_dear = any(term.name in DEAR for term in self.terms) and not names & BOUNDING
        if self.usual_window is not None and self.since is None and is_dear:
            self.is_windowed = True
            self.since = (self.until or now) - self.usual_window
            self._condition &= Q(occurred_at__gte=self.since)

    def executions(self) -> QuerySet[Execution]:
        """The tenant's executions that match; call after ``is_valid()``."""
        return matching(self.tenant.pk, self._condition)

    @property
    def is_narrowing(self) -> bool:
        return any(self.cleaned_data.get(name) for name in self.fields)


class PageFilter(ExecutionFilter):
    """The same for people, who wait for the answer and are told which time was looked at."""

    usual_window = timedelta(days=30)


def _terms_of_keys(values: dict[str, Any]) -> Iterable[Term]:
    """The keys that a token can say as well, said by tokens."""
    for key, name in NAMES.items():
        for value in values[key]:
            yield Term(name, value)
    for key, comparison in (("duration_min", ">="), ("duration_max", "<=")):
        if values[key] is not None:
            yield Term("duration", f"{values[key]}ms", comparison)
    if values["q"]:
        yield Term("error", values["q"])


def _scope(conditions: Conditions, values: dict[str, Any]) -> Q:
    """What all pages keep while one moves between them: environments, tags and time."""
    whole = conditions.of(
        [
            *(Term("env", value) for value in values["environment"]),
            *(Term("tag", value) for value in values["tag"]),
        ]
    )
    if after := values["started_after"]:
        whole &= Q(occurred_at__gte=after)
    if before := values["started_before"]:
        whole &= Q(occurred_at__lt=before)
    return whole


# A key of the address: the name of the token that says the same.
NAMES = {
    "status": "status",
    "workflow": "workflow",
    "mode": "mode",
    "error_class": "class",
    "group": "group",
}
