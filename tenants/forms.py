"""What people type into the settings."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from tenants.models import Role, Tenant
from tenants.zones import validate_time_zone

# Days until a token expires, and how that is called.
LIFETIMES = {"30": "30 days", "90": "90 days", "365": "a year", "": "never"}


class TenantForm(forms.ModelForm):  # type: ignore[type-arg]
    """What the whole tenant shares; the model says what is allowed."""

    class Meta:
        model = Tenant
        fields = ("name", "time_zone")


class ZoneForm(forms.Form):
    """A person's own zone; empty for the tenant's."""

    time_zone = forms.CharField(
        required=False, max_length=64, label="Your time zone", validators=[validate_time_zone]
    )


class RoleField(forms.ChoiceField):
    def __init__(self, **options: Any) -> None:
        super().__init__(choices=Role.choices, **options)

    def clean(self, value: Any) -> Role:
        return Role(super().clean(value))


class RoleForm(forms.Form):
    role = RoleField()


class MemberForm(forms.Form):
    username = forms.CharField(max_length=150, label="User name")
    role = RoleField(initial=Role.VIEWER.value)


class TokenForm(forms.Form):
    """A token may do no more than the person who makes it."""

    name = forms.CharField(max_length=100, label="What it is for")
    role = RoleField(initial=Role.VIEWER.value, label="What it may do")
    days = forms.ChoiceField(
        choices=list(LIFETIMES.items()), required=False, initial="90", label="Expires after"
    )

    def __init__(self, *args: Any, maker: Role, **options: Any) -> None:
        super().__init__(*args, **options)
        self.maker = maker

    def clean_role(self) -> Role:
        role: Role = self.cleaned_data["role"]
        if not self.maker.includes(role):
            raise forms.ValidationError(
                f"Your role is {self.maker.value}, so a token of yours cannot be {role.value}."
            )
        return role

    @property
    def expires_at(self) -> datetime | None:
        days = self.cleaned_data["days"]
        return timezone.now() + timedelta(days=int(days)) if days else None


def role_choices(up_to: Role) -> list[tuple[str, str]]:
    """The roles that somebody may give."""
    return [(role.value, role.label) for role in Role if up_to.includes(role)]
