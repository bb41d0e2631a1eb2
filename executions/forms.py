"""What people type about environments."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from executions.environments import (
    MAXIMUM_KEY_LENGTH,
    clean_api_key,
    clean_base_url,
    test_connection,
)
from executions.models import Environment
from executions.n8n.probe import ConnectionReport


class ConnectionForm(forms.Form):
    """An address and a key; ``report`` says what the server answered."""

    base_url = forms.CharField(max_length=500, label="Address of n8n")
    api_key = forms.CharField(
        max_length=MAXIMUM_KEY_LENGTH,
        label="API key",
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    report: ConnectionReport | None = None

    def clean_base_url(self) -> str:
        try:
            return clean_base_url(self.cleaned_data["base_url"])
        except ValidationError as error:
            raise ValidationError(error.messages) from error

    def clean_api_key(self) -> str:
        try:
            return clean_api_key(self.cleaned_data["api_key"])
        except ValidationError as error:
            raise ValidationError(error.messages) from error

    def try_connection(self) -> ConnectionReport:
        """Ask the server; call after ``is_valid()``."""
        self.report = test_connection(
            base_url=self.cleaned_data["base_url"], api_key=self.cleaned_data["api_key"]
        )
        return self.report


class ConnectForm(ConnectionForm):
    """A new environment, saved only when its server answered as n8n does."""

    name = forms.CharField(max_length=100, initial="Production")
    field_order = ("name", "base_url", "api_key")

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if not self.errors and not self.try_connection().ok and self.report:
            self.add_error(None, self.report.sentence)
        return values


class EnvironmentForm(forms.Form):
    """Changes of an environment; the key is asked for again with a new address."""

    name = forms.CharField(max_length=100)
    base_url = forms.CharField(max_length=500, label="Address of n8n")
    api_key = forms.CharField(
        max_length=MAXIMUM_KEY_LENGTH,
        required=False,
        label="New API key",
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, data: Any, *, environment: Environment) -> None:
        self.environment = environment
        initial = {"name": environment.name, "base_url": environment.base_url}
        super().__init__(data, initial=initial)

    def changes(self) -> dict[str, str]:
        """The values to change; an empty key leaves the old one."""
        return {name: value for name, value in self.cleaned_data.items() if value}

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if self.errors or not self.has_changed_connection(values):
            return values
        if not values.get("api_key"):
            self.add_error("api_key", "A new address needs the key again.")
            return values
        form = ConnectionForm({"base_url": values["base_url"], "api_key": values["api_key"]})
        if not form.is_valid():
            for field, messages in form.errors.items():
                self.add_error(field, list(messages))
        elif not (report := form.try_connection()).ok:
            self.add_error(None, report.sentence)
        return values

    def has_changed_connection(self, values: dict[str, Any]) -> bool:
        return bool(values.get("api_key")) or values["base_url"] != self.environment.base_url
