"""What is copied into n8n so that it pushes, and what has come of it."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.http import HttpRequest

from executions.models import Environment
from executions.push import tokens
from executions.push.models import PushToken

PLACEHOLDER = "nobp_…"


@dataclass(frozen=True, slots=True)
class PushState:
    """How an environment's n8n pushes. The secret is there only where it was just made."""

    base: str
    token: PushToken | None
    secret: str = ""

    @property
    def is_on(self) -> bool:
        return self.token is not None and self.token.revoked_at is None

    @property
    def traces_at(self) -> datetime | None:
        return self.token.traces_at if self.token else None

    @property
    def errors_at(self) -> datetime | None:
        return self.token.errors_at if self.token else None

    @property
    def runs_today(self) -> int:
        return tokens.runs_today(self.token) if self.token else 0

    @property
    def endpoint(self) -> str:
        """n8n adds ``/v1/traces`` by itself."""
        return f"{self.base}/api/v1/otlp"

    @property
    def errors_url(self) -> str:
        return f"{self.base}/api/v1/n8n/errors"

    @property
    def authorization(self) -> str:
        return f"Bearer {self.secret or PLACEHOLDER}"

    @property
    def settings(self) -> dict[str, str]:
        """n8n's environment variables, in the order in which people set them."""
        return {
            "N8N_OTEL_ENABLED": "true",
            "N8N_OTEL_EXPORTER_OTLP_ENDPOINT": self.endpoint,
            "N8N_OTEL_EXPORTER_OTLP_HEADERS": f"Authorization={self.authorization}",
        }


def push_state(request: HttpRequest, environment: Environment, *, secret: str = "") -> PushState:
    base = settings.PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")
    return PushState(base, tokens.token_of(environment), secret)
