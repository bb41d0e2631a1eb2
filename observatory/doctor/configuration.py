"""Secrets and settings that would cost data, secrets or sleep."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings

from executions.models import Environment
from observatory.checks import missing_secrets
from observatory.doctor.findings import Finding, fault, ok, warning
from tenants.encryption import SecretUnreadable, decrypt, is_current
from tenants.scope import operator_scope

LOCAL = frozenset({"", "localhost", "127.0.0.1", "::1"})


def secrets() -> Iterator[Finding]:
    problems = missing_secrets()
    for problem in problems:
        yield fault("Secrets", str(problem.msg), str(problem.hint))
    if problems:
        return
    yield ok("Secrets", "are set")
    yield from _stored_keys()


def _stored_keys() -> Iterator[Finding]:
    unreadable, old = [], 0
    with operator_scope():
        rows = Environment.objects.select_related("tenant").order_by("tenant__slug", "name")
        for row in rows:
            stored = str(row.__dict__["api_key"])
            try:
                decrypt(stored, row.tenant_id)
            except SecretUnreadable:
                unreadable.append(f"{row.tenant.slug} / {row.name}")
            else:
                old += not is_current(stored)
    if unreadable:
        yield fault(
            "API keys of n8n",
            f"Cannot be read: {', '.join(unreadable[:5])}.",
            "Add the key that wrote them to OBSERVATORY_ENCRYPTION_KEYS, or enter them again.",
        )
    if old:
        yield warning(
            "API keys of n8n",
            f"{old} are encrypted with an older key.",
            "Run manage.py rotate_secrets, then take the older key out.",
        )
    if not unreadable and not old:
        yield ok("API keys of n8n", "all readable with the first key")


def unsafe_settings() -> Iterator[Finding]:
    host = urlsplit(settings.PUBLIC_URL).hostname or ""
    risks = (
        (
            settings.DEBUG and host not in LOCAL,
            "OBSERVATORY_DEBUG is on, and faults show their insides to everybody.",
            "Set it to false.",
        ),
        (
            "*" in settings.ALLOWED_HOSTS,
            "OBSERVATORY_ALLOWED_HOSTS allows every host name.",
            "Name the hosts under which people open Observatory.",
        ),
        (
            host not in LOCAL and not settings.HTTPS,
            f"{settings.PUBLIC_URL} is reached without TLS: passwords can be read on the way.",
            "Put a proxy with TLS in front and set OBSERVATORY_PUBLIC_URL to https://….",
        ),
        (
            settings.BEHIND_PROXY and not settings.METRICS_TOKEN,
            "Behind a proxy and without OBSERVATORY_METRICS_TOKEN nobody can read /metrics.",
            "Set the token, and give it to Prometheus.",
        ),
    )
    found = [warning("Settings", seen, cure) for is_risk, seen, cure in risks if is_risk]
    yield from found or [ok("Settings", "nothing unsafe")]
