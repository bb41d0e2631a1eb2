"""Sentences that n8n, HTTP clients and services say for many causes alike.

Where one of these is the message, the cause stands in the description, in `messages` or in the
cause. The key names the group of the sentence when nothing better is found; a status or errno
behind it says which class it has then.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class General:
    key: str
    sentences: tuple[str, ...]
    # The status or errno that n8n replaced by this sentence; empty when it tells nothing.
    code: str = ""

    @property
    def error_class(self) -> str:
        return self.key.partition(".")[0]


GENERALS = (
    General("validation.n8n_bad_request", ("Bad request - please check your parameters",), "400"),
    General(
        "auth.n8n_unauthorized",
        (
            "Authorization failed - please check your credentials",
            "Authorization failed - please check your credentials!",
        ),
        "401",
    ),
    General(
        "quota.n8n_payment_required",
        ("Payment required - perhaps check your payment details?",),
        "402",
    ),
    General(
        "permission.n8n_forbidden",
        (
            "Forbidden - perhaps check your credentials?",
            "Forbidden - perhaps you do not have permissions?",
        ),
        "403",
    ),
    General(
        "not_found.n8n_resource",
        (
            "The resource you are requesting could not be found",
            "The resource you requested could not be found",
        ),
        "404",
    ),
    General(
        "validation.n8n_method_not_allowed",
        (
            "Method not allowed - please check you are using the right HTTP method",
            "Method not allowed - maybe check if the HTTP method is correct",
        ),
        "405",
    ),
    General(
        "rate_limit.n8n_too_many_requests",
        (
            "The service is receiving too many requests from you",
            "The service is receiving too many requests from you!",
        ),
        "429",
    ),
    General(
        "validation.n8n_4xx",
        ("Your request is invalid or could not be processed by the service",),
        "400",
    ),
    General("server_error.n8n_5xx", ("The service failed to process your request",), "500"),
    General("server_error.n8n_500", ("The service was not able to process your request",), "500"),
    General(
        "server_error.n8n_bad_gateway",
        ("Bad gateway - the service failed to handle your request",),
        "502",
    ),
    General(
        "server_error.n8n_unavailable",
        (
            "Service unavailable - try again later or consider setting this node to retry "
            "automatically (in the node settings)",
            "Service unavailable - perhaps try again later?",
            "Service unavailable - try again later",
        ),
        "503",
    ),
    General("timeout.n8n_gateway", ("Gateway timed out - perhaps try again later?",), "504"),
    General(
        "connection.n8n_refused",
        ("The service refused the connection - perhaps it is offline",),
        "ECONNREFUSED",
    ),
    General(
        "connection.n8n_reset",
        (
            "The connection to the server was closed unexpectedly, perhaps it is offline. You can "
            "retry the request immediately or wait and retry later.",
            "The connection to the server wes closed unexpectedly, perhaps it is offline. You can "
            "retry request immidiately or wait and retry later.",
            "The connection to the server was closed unexpectedly, perhaps it is offline",
        ),
        "ECONNRESET",
    ),
    General(
        "dns.n8n_not_found",
        (
            "The connection cannot be established, this usually occurs due to an incorrect host "
            "(domain) value",
            "The connection cannot be established, this usually occurs due to an incorrect "
            "host(domain) value",
        ),
        "ENOTFOUND",
    ),
    General(
        "timeout.n8n_connection",
        (
            "The connection timed out, consider setting 'Retry on Fail' option in the node "
            "settings",
            "The connection timed out, consider setting the 'Retry on Fail' option in the node "
            "settings",
        ),
        "ETIMEDOUT",
    ),
    General(
        "configuration.n8n_port_in_use",
        (
            "The port is already occupied by some other application, if possible change the port "
            "or kill the application that is using it",
        ),
        "EADDRINUSE",
    ),
    General(
        "connection.n8n_address_not_available",
        ("The address is not available, ensure that you have the right IP address",),
        "EADDRNOTAVAIL",
    ),
    General(
        "connection.n8n_aborted",
        ("The connection was aborted, perhaps the server is offline",),
        "ECONNABORTED",
    ),
    General(
        "connection.n8n_unreachable",
        ("The host is unreachable, perhaps the server is offline",),
        "EHOSTUNREACH",
    ),
    General(
        "dns.n8n_again",
        ("The DNS server returned an error, perhaps the server is offline",),
        "EAI_AGAIN",
    ),
    General("not_found.n8n_file", ("The file or directory does not exist",), "ENOENT"),
    General(
        "validation.n8n_is_directory",
        ("The file path was expected but the given path is a directory",),
        "EISDIR",
    ),
    General(
        "validation.n8n_not_directory",
        ("The directory path was expected but the given path is a file",),
        "ENOTDIR",
    ),
    General(
        "permission.n8n_access",
        ("Forbidden by access permissions, make sure you have the right permissions",),
        "EACCES",
    ),
    General("conflict.n8n_file_exists", ("The file or directory already exists",), "EEXIST"),
    General(
        "permission.n8n_operation",
        ("Operation not permitted, make sure you have the right permissions",),
        "EPERM",
    ),
    General(
        "connection.n8n_closed",
        ("The server closed the connection unexpectedly",),
        "GETADDRINFO",
    ),
    General(
        "unknown.n8n_unknown",
        (
            "UNKNOWN ERROR - check the detailed error for more information",
            "UNKNOWN ERROR",
        ),
    ),
    General("unknown.n8n_node_issue", ("There was an unknown issue while executing the node",)),
    *(
        General(key, (sentence,))
        for key, sentence in (
            ("unknown.unknown_error", "Unknown error"),
            ("unknown.unknown_error_occurred", "An unknown error occurred"),
            ("unknown.unexpected_error", "An unexpected error occurred"),
            ("unknown.error_occurred", "An error occurred"),
            ("unknown.error_has_occurred", "An error has occurred"),
            ("unknown.error", "Error"),
            ("unknown.something_wrong", "Something went wrong"),
            ("unknown.undefined", "undefined"),
            ("unknown.null", "null"),
            ("unknown.object", "[object Object]"),
            ("unknown.unknown_reason", "Unknown reason"),
        )
    ),
)

# Reason phrases of HTTP and names of errors: a description that says only this adds nothing.
EMPTY_WORDS = frozenset(
    {
        "bad request",
        "unauthorized",
        "payment required",
        "forbidden",
        "not found",
        "method not allowed",
        "not acceptable",
        "request timeout",
        "conflict",
        "gone",
        "payload too large",
        "unprocessable entity",
        "too many requests",
        "internal server error",
        "server error",
        "not implemented",
        "bad gateway",
        "service unavailable",
        "gateway timeout",
        "gateway time-out",
        "error",
        "failed",
        "unknown",
        "true",
        "false",
        "null",
        "undefined",
        "typeerror",
        "referenceerror",
        "syntaxerror",
        "rangeerror",
        "nameerror",
        "valueerror",
        "keyerror",
        "none",
    }
)

# Beginnings of n8n's own advice: help for a person, no cause.
ADVICE = (
    "double-check",
    "check the value",
    "please check",
    "make sure",
    "to fix",
    "try ",
    "try spacing",
    "learn more",
    "more details",
    "for more information",
    "display the item error",
    "this issue might be",
    "if you",
    "you can",
    "n8n may have run out of memory",
    "please try again",
    "the service responded",
    "consider ",
    "more information",
    "see ",
)
