"""What can go wrong between us and an n8n: one class for each thing that a person does next.

`reason` is a stable code for machines, `sentence` is for people: what happened, at which host,
what to do. Neither ever holds the other side's answer, the address behind a name or the API key,
so that a refused call tells nothing of a network that the asker may not see. `is_transient` says
whether asking again can help.
"""

from datetime import timedelta
from typing import ClassVar


class N8nError(Exception):
    """A call to n8n that brought no usable answer."""

    reason: ClassVar[str] = "unknown"
    is_transient: ClassVar[bool] = False
    wording: ClassVar[str] = "n8n at {host} could not be used."

    def __init__(
        self, host: str, *, retry_after: timedelta | None = None, wording: str = "", **values: str
    ) -> None:
        self.host = host
        self.retry_after = retry_after
        self.sentence = (wording or self.wording).format(host=host, **values)
        super().__init__(self.sentence)


class InvalidBaseUrl(N8nError, ValueError):
    """The address of an n8n is not one; `sentence` is the whole wording."""

    reason = "invalid_url"
    wording = "{sentence}"

    def __init__(self, sentence: str) -> None:
        super().__init__("", sentence=sentence)


class DnsFailed(N8nError):
    reason = "dns"
    is_transient = True
    wording = (
        "The name {host} was not found. "
        "Check the address for a typing error, or whether this server can resolve it."
    )


class ConnectionRefused(N8nError):
    reason = "refused"
    is_transient = True
    wording = "{host} refused the connection. Check that n8n is running and that the port is right."


class Unreachable(N8nError):
    reason = "unreachable"
    is_transient = True
    wording = (
        "The connection to {host} failed or broke off. "
        "Check that n8n is running and that no firewall stands between."
    )


class TimedOut(N8nError):
    reason = "timeout"
    is_transient = True
    wording = (
        "{host} did not answer in time. "
        "Check that n8n is running, not overloaded, and not behind a firewall."
    )


class TlsFailed(N8nError):
    reason = "tls"
    wording = (
        "No trusted encrypted connection to {host} was possible. Check that its certificate is "
        "valid and issued for this name, or use http:// where n8n offers no TLS."
    )


class AddressNotAllowed(N8nError):
    reason = "address_not_allowed"
    wording = (
        "{host} leads into a network that may not be called from here. Use n8n's public address, "
        "or ask the operator to allow its network with OBSERVATORY_ALLOWED_NETWORKS."
    )


class KeyRejected(N8nError):
    reason = "key_rejected"
    wording = (
        "n8n at {host} rejected the API key. "
        "Create a key in n8n under Settings, n8n API, and enter it here."
    )


class ScopeMissing(N8nError):
    reason = "scope_missing"
    wording = (
        "The API key may not do this at {host}: {scopes}. "
        "Give the key this scope in n8n under Settings, n8n API, or create a new key."
    )

    def __init__(self, host: str, *, scopes: tuple[str, ...]) -> None:
        self.scopes = scopes
        super().__init__(host, scopes=", ".join(scopes) or "a scope is missing")


class NotN8n(N8nError):
    reason = "not_n8n"
    wording = (
        "{host} answered, but not as n8n's API does. Check the address, and whether a sign-in "
        "page or proxy stands in front of n8n."
    )


class WrongPath(N8nError):
    reason = "wrong_path"
    wording = (
        "{host} has no n8n API below this address. "
        "Enter the address that n8n's editor opens at, without anything behind it."
    )


class RateLimited(N8nError):
    reason = "rate_limited"
    is_transient = True
    wording = "{host} asks for fewer calls. The next one waits until it is allowed again."


class ServerError(N8nError):
    reason = "server_error"
    is_transient = True
    wording = (
        "n8n at {host} failed with status {status}. Look into n8n's own log if this lasts; "
        "it is tried again by itself."
    )


class BadResponse(N8nError):
    reason = "bad_response"
    is_transient = True
    wording = (
        "The answer of {host} is broken: {fault}. "
        "It is tried again; look at proxies in front of n8n if this lasts."
    )


class TooLarge(N8nError):
    reason = "too_large"
    wording = "The answer of {host} is larger than {limit} MB and was not read."


class TooManyValues(TooLarge):
    wording = "The answer of {host} holds more than {limit} values and was not taken apart."


class NotFound(N8nError):
    reason = "not_found"
    wording = "n8n at {host} does not have this any more, or the key's user may not see it."


class BadRequest(N8nError):
    reason = "bad_request"
    wording = "n8n at {host} refused the call as wrong. Another version of n8n may be needed."


class Conflict(N8nError):
    reason = "conflict"
    wording = "n8n at {host} cannot do this in the state the execution is in."


class Redirected(N8nError):
    reason = "redirected"
    wording = (
        "{host} sends the call on to {target}. If that is your n8n, enter its address instead; "
        "the API key is not sent anywhere else."
    )


class TooOld(N8nError):
    reason = "too_old"
    wording = (
        "n8n answers at {host}, but its public API does not. "
        "Update n8n, or switch the public API on where it was switched off."
    )
