"""How the API's document describes n8n's own signing in; importing it registers it."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class PushTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "executions.push.api.PushTokenAuthentication"
    name = "push_token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A token of one environment, made on its page; n8n sends with it.",
        }
