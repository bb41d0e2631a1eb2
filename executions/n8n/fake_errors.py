"""The errors of a stand-in n8n, in the shapes that a real one gives them.

Each kind is made anew for an execution from a random source, so that the values in the texts vary
as they do in life while the kind stays recognizable.
"""

import random
from collections.abc import Callable, Mapping
from typing import Any

ErrorJson = dict[str, object]
Maker = Callable[[random.Random, Mapping[str, Any], int], ErrorJson]

FRAMES = (
    "    at ExecuteContext.execute (/usr/local/lib/node_modules/n8n/node_modules/{source})\n"
    "    at processTicksAndRejections (node:internal/process/task_queues:104:5)\n"
    "    at WorkflowExecute.executeNode (/usr/local/lib/node_modules/n8n/node_modules/n8n-core/"
    "src/execution-engine/workflow-execute.ts:1129:8)"
)
HTTP_SOURCE = "n8n-nodes-base/nodes/HttpRequest/V3/HttpRequestV3.node.ts:892:16"
CODE_SOURCE = "n8n-nodes-base/nodes/Code/throw-execution-error.ts:11:9"
RESET = (
    "The connection to the server was closed unexpectedly, perhaps it is offline. "
    "You can retry the request immediately or wait and retry later."
)
DNS = (
    "The connection cannot be established, this usually occurs due to an incorrect host "
    "(domain) value"
)
UNAVAILABLE = (
    "Service unavailable - try again later or consider setting this node to retry automatically "
    "(in the node settings)"
)


def _stack(name: str, message: str, source: str) -> str:
    return f"{name}: {message}\n" + FRAMES.format(source=source)


def _base(level: str, should_report: bool) -> ErrorJson:
    return {"level": level, "shouldReport": should_report, "tags": {}}


def _api_error(
    node: Mapping[str, Any], at: int, message: str, code: str, words: list[str], description: str
) -> ErrorJson:
    error = _base("warning", True)
    if description:
        error["description"] = description
    return error | {
        "timestamp": at,
        "context": {"itemIndex": 0},
        "functionality": "regular",
        "name": "NodeApiError",
        "node": dict(node),
        "messages": words,
        "httpCode": code,
        "message": message,
        "stack": _stack("NodeApiError", message, HTTP_SOURCE),
    }


def _http(status: int, message: str, *bodies: str) -> Maker:
    """A service's answer; n8n puts its own sentence first and the service's words behind."""

    def make(rng: random.Random, node: Mapping[str, Any], at: int) -> ErrorJson:
        body = rng.choice(bodies).format(
            number=rng.randrange(10_000, 999_999), seconds=rng.randrange(1, 60)
        )
        raw = f'{status} - "{{\\"error\\": {{\\"code\\": {status}, \\"message\\": \\"{body}\\"}}}}"'
        return _api_error(node, at, message, str(status), [raw], body)

    return make


def _network(code: str, message: str, raw: str) -> Maker:
    """A connection that failed; n8n repeats the raw words."""

    def make(rng: random.Random, node: Mapping[str, Any], at: int) -> ErrorJson:
        words = raw.format(
            host=f"10.4.{rng.randrange(4)}.{rng.randrange(2, 250)}",
            port=rng.choice((443, 8080, 8443)),
            ms=rng.choice((10_000, 30_000, 60_000)),
        )
        return _api_error(node, at, message, code, [words, words], "")

    return make


def _operation(message: str, **context: str) -> Maker:
    """What n8n itself objects to."""

    def make(rng: random.Random, node: Mapping[str, Any], at: int) -> ErrorJson:
        text = message.format(
            number=rng.randrange(1_000, 99_999), amount=f"{rng.uniform(500, 9_000):.2f}"
        )
        return _base("warning", True) | {
            "timestamp": at,
            "context": dict(context),
            "functionality": "regular",
            "name": "NodeOperationError",
            "node": dict(node),
            "messages": [],
            "message": text,
            "stack": _stack("NodeOperationError", text, "n8n-nodes-base/nodes/Set/SetV2.node.ts"),
        }

    return make


def _code(message: str, line: int, description: str | None = None) -> Maker:
    """What a Code node throws; n8n adds the line and names no node."""

    def make(rng: random.Random, _node: Mapping[str, Any], _at: int) -> ErrorJson:
        own = message.format(number=rng.randrange(100_000, 999_999), item=rng.randrange(40))
        text = f"{own} [line {line}]"
        return _base("info", False) | {
            "description": description,
            "name": "WrappedExecutionError",
            "lineNumber": line,
            "message": text,
            "stack": _stack("WrappedExecutionError", text, CODE_SOURCE),
        }

    return make


def _malformed(_rng: random.Random, _node: Mapping[str, Any], _at: int) -> ErrorJson:
    message = "Invalid JSON in response body"
    return _base("info", False) | {
        "message": message,
        "stack": _stack("Error", message, "n8n-workflow/src/utils.ts:182:10"),
    }


def plain_error(message: str) -> ErrorJson:
    """An error with these words, as a Code node would throw it."""
    return _base("info", False) | {
        "description": None,
        "name": "WrappedExecutionError",
        "lineNumber": 1,
        "message": message,
        "stack": _stack("WrappedExecutionError", message, CODE_SOURCE),
    }


def crashed_error(at: int) -> ErrorJson:
    """What n8n writes after a restart for runs that were cut off."""
    return {
        "message": "Workflow did not finish, possible out-of-memory issue",
        "timestamp": at,
        "name": "WorkflowCrashedError",
        "context": {},
    }


def canceled_error(execution_id: str, at: int) -> ErrorJson:
    """What n8n writes when a person stops a run."""
    message = "The execution was cancelled manually"
    source = "n8n/src/executions/execution.service.ts:620:17"
    return _base("warning", False) | {
        "extra": {"executionId": execution_id},
        "timestamp": at,
        "context": {},
        "functionality": "regular",
        "name": "ManualExecutionCancelledError",
        "reason": "manual",
        "message": message,
        "stack": _stack("ManualExecutionCancelledError", message, source),
    }


# The order is part of the stored rows: kinds are only added at the end.
MAKERS: dict[str, Maker] = {
    "code": _code("Order has no customer_id", 3),
    "type_error": _code("Cannot read properties of undefined (reading 'total')", 1, "TypeError"),
    "refused": _network(
        "ECONNREFUSED",
        "The service refused the connection - perhaps it is offline",
        "connect ECONNREFUSED {host}:{port}",
    ),
    "dns": _network("ENOTFOUND", DNS, "getaddrinfo ENOTFOUND erp-legacy.globex.example"),
    "timeout": _network(
        "ECONNABORTED",
        "The connection was aborted, perhaps the server is offline",
        "timeout of {ms}ms exceeded",
    ),
    "reset": _network("ECONNRESET", RESET, "read ECONNRESET"),
    "unauthorized": _http(
        401,
        "Authorization failed - please check your credentials",
        "Invalid token",
        "The access token expired",
    ),
    "not_found": _http(
        404,
        "The resource you are requesting could not be found",
        "No such customer: {number}",
        "Order {number} does not exist",
    ),
    "rate_limited": _http(
        429,
        "The service is receiving too many requests from you",
        "Too many requests, retry after {seconds} seconds",
        "Quota exceeded for quota metric 'Read requests' of service 'sheets'",
    ),
    "server_error": _http(
        500,
        "The service was not able to process your request",
        "Internal error, reference {number}",
    ),
    "unavailable": _http(503, UNAVAILABLE, "Maintenance", "upstream connect error"),
    "malformed": _malformed,
    "expression": _operation(
        "Referenced node doesn't exist", nodeCause="Lookup customer", parameter="assignments"
    ),
    "no_credentials": _operation("Credentials not found"),
    "stopped": _operation("Rejected: amount {amount} is over the limit"),
    "duplicate": _operation(
        'duplicate key value violates unique constraint "invoices_number_key" ({number})'
    ),
    "data": _code("Unexpected token < in JSON at position 0, item {item}", 12, "SyntaxError"),
}
KINDS = ("", *MAKERS)
CODE_OF_KIND = {name: code for code, name in enumerate(KINDS)}
