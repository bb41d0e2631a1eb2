"""What the pages of errors are asked, and what people do there: one form for each act."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from analytics import group_actions
from analytics.forms import ErrorsForm, PeriodForm
from analytics.group_actions import LONGEST_NOTE, ActionNotAllowed, Limits, standing_groups
from analytics.group_states import ResolvedIn, State
from analytics.models import ErrorGroup
from tenants.audit import Actor
from tenants.models import Tenant, User

LONGEST_ARCHIVE = 365
MOST_FAILURES = 10_000


@dataclass(frozen=True, slots=True)
class Tab:
    """A part of the list: groups that ask the same of people."""

    label: str
    states: tuple[str, ...]


TABS = {
    "review": Tab("For review", (State.NEW, State.REGRESSED)),
    "ongoing": Tab("Ongoing", (State.ONGOING,)),
    "archived": Tab("Archived", (State.ARCHIVED,)),
    "resolved": Tab("Resolved", (State.RESOLVED,)),
    "all": Tab("All", tuple(State)),
}


class ErrorTabsForm(ErrorsForm):
    """The list of errors as people see it: a tab instead of states."""

    state = None  # type: ignore[assignment]
    tab = forms.CharField(
        required=False, max_length=20, help_text=f"One of {', '.join(TABS)}; review if left out."
    )

    def clean_tab(self) -> str:
        tab = str(self.cleaned_data["tab"] or "review")
        if tab not in TABS:
            raise ValidationError(f"“{tab[:40]}” is not one of: {', '.join(TABS)}.")
        return tab

    @property
    def states(self) -> tuple[str, ...]:
        return TABS[self.cleaned_data["tab"]].states


class OneErrorForm(PeriodForm):
    """The time of one error's page, and the text to look for another group by."""

    into = forms.CharField(
        required=False, max_length=200, help_text="Text within another error, to merge with."
    )


class LimitField(forms.CharField):
    """A whole number from one on; empty for no limit."""

    def __init__(self, most: int, **values: Any) -> None:
        super().__init__(required=False, max_length=20, **values)
        self.most = most

    def clean(self, value: Any) -> int | None:
        text = super().clean(value)
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= self.most):
            raise ValidationError(
                f"“{text}” is not allowed; take a number from 1 to {self.most:,}."
            )
        return int(text)


class Act(forms.Form):
    """One thing that can be done with a group; ``done`` says it of one, ``name`` in a form."""

    name: ClassVar[str]
    done: ClassVar[str]

    def __init__(self, data: Any, *, tenant: Tenant) -> None:
        super().__init__(data)
        self.tenant = tenant

    def carry_out(self, group: ErrorGroup, actor: Actor) -> ErrorGroup:
        """The group to show next. Raises ActionNotAllowed."""
        raise NotImplementedError

    @property
    def fault(self) -> str:
        """What is wrong with what was sent, in sentences."""
        return " ".join(
            f"{'' if name == '__all__' else self[name].label + ': '}{sentence}"
            for name, sentences in self.errors.items()
            for sentence in sentences
        )


class Resolve(Act):
    name, done = "resolve", "resolved"

    resolved_in = forms.ChoiceField(
        required=False, choices=[(one.value, one.value) for one in ResolvedIn]
    )

    def carry_out(self, group: ErrorGroup, actor: Actor) -> ErrorGroup:
        resolved_in = ResolvedIn(self.cleaned_data["resolved_in"] or ResolvedIn.NOW)
        return group_actions.resolve(group, actor=actor, resolved_in=resolved_in)


class Reopen(Act):
    name, done = "reopen", "open again"

    def carry_out(self, group: ErrorGroup, actor: Actor) -> ErrorGroup:
        return group_actions.reopen(group, actor=actor)


class Archive(Act):
    """Without any limit it is for good."""

    name, done = "archive", "archived"

    days = LimitField(LONGEST_ARCHIVE)
    count = LimitField(MOST_FAILURES, label="More failures")
    rate = LimitField(MOST_FAILURES, label="Failures within an hour")

    def carry_out(self, group: ErrorGroup, actor: Actor) -> ErrorGroup:
        chosen = self.cleaned_data
        days = chosen["days"]
        limits = Limits(
            until=timezone.now() + timedelta(days=days) if days else None,
            count=chosen["count"],
            rate=chosen["rate"],
        )
        return group_actions.archive(group, actor=actor, limits=limits)


class Assign(Act):
    name, done = "assign", "assigned"

    assignee = forms.CharField(required=False, max_length=150)

    def clean_assignee(self) -> User | None:
        name = self.cleaned_data["assignee"]
        user: User | None = members_of(self.tenant).filter(username=name).first()
        if name and user is None:
            raise ValidationError(f"“{name[:40]}” is no member here.")
        return user

    def carry_out(self, group: ErrorGroup, actor: Actor) -> ErrorGroup:
        return group_actions.assign(group, actor=actor, user=self.cleaned_data["assignee"])


class AddNote(Act):
    name, done = "note", "noted down"

    text = forms.CharField(max_length=LONGEST_NOTE, label="Note")

    def carry_out(self, group: ErrorGroup, actor: Actor) -> ErrorGroup:
        group_actions.add_note(group, actor=actor, text=self.cleaned_data["text"])
        return group


class Merge(Act):
    """From now on its failures count for the other one, which is shown next."""

    name, done = "merge", "merged into this one"

    target = forms.UUIDField(label="Other error")

    def clean_target(self) -> ErrorGroup:
        pk: UUID = self.cleaned_data["target"]
        group: ErrorGroup | None = standing_groups(self.tenant).filter(pk=pk).first()
        if group is None:
            raise ValidationError(f"{pk} is not one of your errors.")
        return group

    def carry_out(self, group: ErrorGroup, actor: Actor) -> ErrorGroup:
        return group_actions.merge(self.cleaned_data["target"], [group], actor=actor)


class Unmerge(Act):
    name, done = "unmerge", "on its own again"

    member = forms.UUIDField(label="Merged error")

    def carry_out(self, group: ErrorGroup, actor: Actor) -> ErrorGroup:
        group_actions.unmerge(group, self.cleaned_data["member"], actor=actor)
        return group


ACTS: dict[str, type[Act]] = {
    act.name: act for act in (Resolve, Reopen, Archive, Assign, AddNote, Merge, Unmerge)
}
# What is done with several at once.
BULK_ACTS = {act.name: ACTS[act.name] for act in (Resolve, Reopen, Archive)}


def act_in(data: Any, *, tenant: Tenant, acts: dict[str, type[Act]] = ACTS) -> Act:
    """The valid act that was sent. Raises ActionNotAllowed with a sentence for each fault."""
    name = data.get("act", "")
    if name not in acts:
        raise ActionNotAllowed(f"“{name[:40]}” is not one of: {', '.join(acts)}.")
    act = acts[name](data, tenant=tenant)
    if not act.is_valid():
        raise ActionNotAllowed(act.fault)
    return act


def carry_out_on(
    act: Act, groups: Iterable[ErrorGroup], actor: Actor
) -> tuple[int, dict[str, int]]:
    """How many it was done with, and how often each refusal kept it from being done."""
    done, refusals = 0, dict[str, int]()
    for group in groups:
        try:
            act.carry_out(group, actor)
        except ActionNotAllowed as refusal:
            refusals[str(refusal)] = refusals.get(str(refusal), 0) + 1
        else:
            done += 1
    return done, refusals


def members_of(tenant: Tenant) -> Any:
    """Who may look after an error."""
    return User.objects.filter(memberships__tenant=tenant).order_by("username")
