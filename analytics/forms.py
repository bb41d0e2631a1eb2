"""What numbers are asked for: a period and a selection, strict about every name."""

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.core import signing
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone

from analytics.error_groups import SORTS as GROUP_SORTS
from analytics.error_groups import GroupOrder
from analytics.group_states import State
from analytics.periods import (
    DEFAULT,
    FIXED,
    STEPS,
    Period,
    custom_period,
    fixed_period,
)
from analytics.selection import Selection
from analytics.timeseries import MOST_PARTS, Split
from analytics.workflow_ranking import SHOWN, Order
from analytics.workflow_table import SORTS
from executions.filters import ManyValues
from executions.grouping.classes import CLASSES
from executions.models import Environment
from tenants.keyset import MAXIMUM_LIMIT
from tenants.models import Tenant
from tenants.zones import validate_time_zone

CURSOR_SALT = "analytics.workflows"
# Each row has a course and a dozen figures of its own, so a page costs by its rows.
DEFAULT_ROWS = 25


class SelectionForm(forms.Form):
    """Whose executions; every key may be left out."""

    environment = ManyValues(length=36, help="Id of an environment.")
    workflow = ManyValues(length=64, help="n8n's id of a workflow.")
    tag = ManyValues(length=100, help="A tag that the workflow has now.")
    mode = ManyValues(length=40, help="How it was started: webhook, trigger, retry, …")

    # What stands beside a filter in an address without being one.
    COMPANIONS = frozenset({"tenant", "format"})

    def __init__(
        self,
        data: QueryDict,
        *,
        tenant: Tenant,
        zone: str,
        environments: list[Environment] | None = None,
    ) -> None:
        """The tenant's environments by name may be given by whoever has read them."""
        super().__init__(data)
        self.tenant = tenant
        self.default_zone = zone
        if environments is None:
            environments = list(Environment.objects.for_tenant(tenant).order_by("name"))
        self.environments = environments

    def clean_environment(self) -> list[str]:
        known = {str(environment.pk) for environment in self.environments}
        for text in self.cleaned_data["environment"]:
            if text not in known:
                raise ValidationError(f"“{text}” is not the id of one of your environments.")
        return list(self.cleaned_data["environment"])

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        names = [self.add_prefix(name) for name in self.fields]
        for name in sorted(set(self.data) - set(names) - self.COMPANIONS):
            self.add_error(None, f"“{name[:40]}” is not a filter; there are: {', '.join(names)}.")
        return values

    def selection(self) -> Selection:
        """Call after ``is_valid()``."""
        chosen = self.cleaned_data
        return Selection(
            tenant_id=self.tenant.pk,
            environments=tuple(UUID(text) for text in chosen["environment"]),
            workflows=tuple(chosen["workflow"]),
            tags=tuple(chosen["tag"]),
            modes=tuple(chosen["mode"]),
        )

    def selected_environments(self) -> list[Environment]:
        chosen = self.cleaned_data["environment"]
        return [one for one in self.environments if not chosen or str(one.pk) in chosen]

    def faults(self) -> dict[str, Any]:
        """The sentences by the names that the request used."""
        return {
            ("" if name == "__all__" else self.add_prefix(name)): sentences
            for name, sentences in self.errors.items()
        }

    def add_prefix(self, field_name: str) -> str:
        # "from" is a word of the language.
        return field_name.removesuffix("_")


class PeriodForm(SelectionForm):
    """Whose executions, and of which time."""

    time_range = forms.CharField(
        required=False,
        max_length=20,
        help_text=f"One of {', '.join(FIXED)}; {DEFAULT} if left out.",
    )
    from_ = forms.CharField(
        required=False,
        max_length=40,
        help_text="Begin of any other range: RFC 3339, a date, now-36h or now-7d/d.",
    )
    to = forms.CharField(
        required=False,
        max_length=40,
        help_text="End of the range, itself not in it; now if left out.",
    )
    step = forms.CharField(
        required=False, max_length=10, help_text=f"Length of a point: {', '.join(STEPS)}."
    )
    zone = forms.CharField(
        required=False, max_length=64, help_text="IANA name of the time zone; else the viewer's."
    )

    def clean_zone(self) -> ZoneInfo:
        name = self.cleaned_data["zone"] or self.default_zone
        validate_time_zone(name)
        return ZoneInfo(name)

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        if "zone" in values and not self.errors:
            try:
                values["period"] = self._period(values)
            except ValueError as error:
                raise ValidationError(str(error)) from error
        return values

    def _period(self, values: dict[str, Any]) -> Period:
        now, zone = timezone.now(), values["zone"]
        name, start, end = values["time_range"], values["from_"], values["to"]
        if name and (start or end):
            raise ValueError("Give either a time_range or from and to, not both.")
        if start or end:
            return custom_period(start, end, now=now, zone=zone, step=values["step"])
        if values["step"]:
            raise ValueError("A step goes with from and to; a time_range has its own.")
        return fixed_period(name or DEFAULT, now=now, zone=zone)

    @property
    def period(self) -> Period:
        """Call after ``is_valid()``."""
        period: Period = self.cleaned_data["period"]
        return period


class SeriesForm(PeriodForm):
    """A period, and by what its course is split."""

    split = forms.CharField(
        required=False,
        max_length=20,
        help_text=f"One of {', '.join(Split)}: a row for each point and each of the {MOST_PARTS}"
        " busiest, and one for all others.",
    )

    def clean_split(self) -> Split | None:
        name = self.cleaned_data["split"]
        if not name:
            return None
        try:
            return Split(name)
        except ValueError as error:
            raise ValidationError(f"“{name}” is not one of: {', '.join(Split)}.") from error

    @property
    def split_by(self) -> Split | None:
        """Call after ``is_valid()``."""
        split: Split | None = self.cleaned_data["split"]
        return split


class PagedForm(PeriodForm):
    """A period, and which part of its workflows."""

    cursor = forms.CharField(
        required=False, max_length=200, help_text="The next_cursor of the page before."
    )
    limit = forms.CharField(
        required=False,
        max_length=10,
        help_text=f"Rows a page, 1 to {MAXIMUM_LIMIT}; {DEFAULT_ROWS} if nothing is said.",
    )

    def clean_limit(self) -> int:
        text = self.cleaned_data["limit"] or str(DEFAULT_ROWS)
        if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= MAXIMUM_LIMIT:
            raise ValidationError(
                f"“{text}” is not allowed; take a number from 1 to {MAXIMUM_LIMIT}."
            )
        return int(text)

    def clean_cursor(self) -> int:
        if not self.cleaned_data["cursor"]:
            return 0
        try:
            return int(signing.loads(self.cleaned_data["cursor"], salt=CURSOR_SALT))
        except (signing.BadSignature, ValueError, TypeError) as error:
            raise ValidationError(
                "The cursor is not one of this table; begin again without it."
            ) from error

    def earlier_cursor(self) -> str | None:
        """The cursor of the page before; empty for the first one, None where this is the first."""
        if not self.offset:
            return None
        before = max(self.offset - self.row_limit, 0)
        return signing.dumps(before, salt=CURSOR_SALT) if before else ""

    @property
    def offset(self) -> int:
        return int(self.cleaned_data["cursor"])

    @property
    def row_limit(self) -> int:
        return int(self.cleaned_data["limit"])

    def next_cursor(self, total: int) -> str | None:
        after = self.offset + self.row_limit
        return signing.dumps(after, salt=CURSOR_SALT) if after < total else None


class TableForm(PagedForm):
    """A period, and how the table of its workflows is sorted, searched and cut."""

    sort = forms.CharField(
        required=False,
        max_length=40,
        help_text=f"One of {', '.join(SORTS)}; a - before it for the largest first. -risk if left"
        " out.",
    )
    q = forms.CharField(
        required=False, max_length=200, help_text="Text within name, id, environment or tag."
    )

    show = forms.CharField(
        required=False, max_length=20, help_text=f"One of {', '.join(SHOWN)}; all if left out."
    )

    def clean_show(self) -> str:
        show = str(self.cleaned_data["show"] or "all")
        if show not in SHOWN:
            raise ValidationError(f"“{show[:40]}” is not one of: {', '.join(SHOWN)}.")
        return show

    def clean_sort(self) -> str:
        sort = str(self.cleaned_data["sort"] or "-risk")
        if sort.removeprefix("-") not in SORTS:
            raise ValidationError(f"“{sort[:40]}” is not one of: {', '.join(SORTS)}.")
        return sort

    @property
    def order(self) -> Order:
        """Call after ``is_valid()``."""
        chosen = self.cleaned_data
        return Order(
            sort=chosen["sort"].removeprefix("-"),
            is_ascending=not chosen["sort"].startswith("-"),
            search=chosen["q"].strip(),
            show=chosen["show"],
            offset=self.offset,
            limit=self.row_limit,
        )


class OneWorkflowForm(PeriodForm):
    """The time of one workflow's page; what other pages are narrowed to does not narrow it."""

    def selection(self) -> Selection:
        return Selection(self.tenant.pk, modes=tuple(self.cleaned_data["mode"]))

    def selected_environments(self) -> list[Environment]:
        return self.environments


class ErrorsForm(PagedForm):
    """A period, and how the list of its errors is sorted, narrowed and cut."""

    sort = forms.CharField(
        required=False,
        max_length=40,
        help_text=f"One of {', '.join(GROUP_SORTS)}; a - before it for the largest first. -count if"
        " left out.",
    )
    state = ManyValues(
        choices=[(one.value, one.value) for one in State], length=10, help="State of the group."
    )
    error_class = ManyValues(  # type: ignore[assignment]  # the form's own class is never used
        choices=[(key, key) for key in CLASSES], length=20, help="Class, such as timeout."
    )
    group = ManyValues(length=32, help="Fingerprint of an error group.")
    assignee = forms.CharField(
        required=False, max_length=150, help_text="Name of the member who looks after it."
    )
    q = forms.CharField(
        required=False, max_length=200, help_text="Text within the error's template."
    )

    def clean_sort(self) -> str:
        sort = str(self.cleaned_data["sort"] or "-count")
        if sort.removeprefix("-") not in GROUP_SORTS:
            raise ValidationError(f"“{sort[:40]}” is not one of: {', '.join(GROUP_SORTS)}.")
        return sort

    @property
    def states(self) -> tuple[str, ...]:
        return tuple(self.cleaned_data["state"])

    @property
    def order(self) -> GroupOrder:
        """Call after ``is_valid()``."""
        chosen = self.cleaned_data
        return GroupOrder(
            sort=chosen["sort"].removeprefix("-"),
            is_ascending=not chosen["sort"].startswith("-"),
            states=self.states,
            classes=tuple(chosen["error_class"]),
            groups=tuple(chosen["group"]),
            assignee=chosen["assignee"],
            search=chosen["q"].strip(),
            offset=self.offset,
            limit=self.row_limit,
        )


class AnalyticsForm(PagedForm):
    """Without a time, all of it is meant."""

    @property
    def has_period(self) -> bool:
        return any(self.cleaned_data[name] for name in ("time_range", "from_", "to"))

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        if not self.errors and values["mode"] and not self.has_period:
            raise ValidationError("A mode goes with a time_range, or with from and to; add one.")
        return values
