"""The kinds of errors: what each means, what to do about it, and whether trying again can help."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

RetryHelps = Literal["yes", "no", "maybe"]


@dataclass(frozen=True, slots=True)
class ErrorClass:
    key: str
    title: str
    meaning: str
    advice: str
    retry_helps: RetryHelps


_ALL = (
    ErrorClass(
        "timeout",
        "Timeout",
        "Something took longer than its limit allows.",
        "Try again. If it stays, raise the limit of the node or workflow, or ask for less at once.",
        "yes",
    ),
    ErrorClass(
        "connection",
        "Connection",
        "The other side refused, reset or closed the connection, or cannot be reached.",
        "Check that the service runs and that n8n reaches its host and port, then try again.",
        "yes",
    ),
    ErrorClass(
        "dns",
        "Name not resolved",
        "The name of the host has no address.",
        "Check the host's spelling and the name server of the machine that runs n8n.",
        "maybe",
    ),
    ErrorClass(
        "tls",
        "Certificate or TLS",
        "The encrypted connection could not be agreed on.",
        "Renew the certificate, or make its authority and the TLS version known to n8n.",
        "no",
    ),
    ErrorClass(
        "auth",
        "Sign-in refused",
        "The service does not accept the key, token, user or password.",
        "Enter a valid key or password in the credential and test it there.",
        "no",
    ),
    ErrorClass(
        "credentials",
        "Credential not usable",
        "The credential kept in n8n is missing, not shared, unreadable or needs to be reconnected.",
        "Open the credential in n8n and reconnect it, share it with the workflow, or choose one.",
        "no",
    ),
    ErrorClass(
        "permission",
        "Not permitted",
        "The identity is known, but it may not do this.",
        "Grant the missing scope, role or file permission, or use another account.",
        "no",
    ),
    ErrorClass(
        "rate_limit",
        "Too many requests",
        "The service limits how many requests it takes in a short time.",
        "Wait and try again; send fewer requests at once with batches or a Wait node.",
        "yes",
    ),
    ErrorClass(
        "quota",
        "Quota or plan used up",
        "A paid, storage or plan limit is reached.",
        "Buy more, upgrade the plan or free space; trying again changes nothing before that.",
        "no",
    ),
    ErrorClass(
        "not_found",
        "Not found",
        "The thing that was named does not exist, or this account cannot see it.",
        "Check the id or name in the node: it may have been deleted, moved or renamed.",
        "no",
    ),
    ErrorClass(
        "validation",
        "Request refused as wrong",
        "A parameter or the request as a whole is not what the service or node expects.",
        "Compare the node's parameters, and the values in them, with what the message asks for.",
        "no",
    ),
    ErrorClass(
        "conflict",
        "Conflict",
        "It exists already, was changed meanwhile, or other data depends on it.",
        "Look whether it was written before; use update or upsert instead of create.",
        "no",
    ),
    ErrorClass(
        "server_error",
        "Service failed",
        "The service itself had a failure or is overloaded.",
        "Try again later; if it stays, look at the service's status page.",
        "yes",
    ),
    ErrorClass(
        "expression",
        "Expression",
        "An expression in a parameter could not be evaluated.",
        "Open the node and correct the expression: the node, item or field it names.",
        "no",
    ),
    ErrorClass(
        "code",
        "Code node",
        "The program in a Code node, or what it returned, is wrong.",
        "Open the Code node at the named line and correct the program.",
        "no",
    ),
    ErrorClass(
        "data",
        "Data of the wrong shape",
        "Data has another shape or type than expected, or cannot be read.",
        "Look at the input of the node; check or convert the data before it.",
        "no",
    ),
    ErrorClass(
        "database",
        "Statement refused",
        "The database refused the statement.",
        "Compare the statement with the tables, columns and types of the database.",
        "no",
    ),
    ErrorClass(
        "configuration",
        "Workflow not set up",
        "The workflow, the node or n8n is not set up so that this can run.",
        "Open the workflow and complete what the message names.",
        "no",
    ),
    ErrorClass(
        "resource",
        "Resources used up",
        "Memory, disk, connections, workers or task runners ran out, or the process died.",
        "Process less at once, or give n8n more memory, workers or connections.",
        "maybe",
    ),
    ErrorClass(
        "cancelled",
        "Canceled",
        "A person or a shutdown stopped it.",
        "Nothing is broken; start it again if the work is still needed.",
        "maybe",
    ),
    ErrorClass(
        "ai_model",
        "AI model",
        "The answer, tool call, context length or content filter of an AI model is the cause.",
        "Shorten the input, make the wanted output clearer, or choose another model.",
        "maybe",
    ),
    ErrorClass(
        "user_defined",
        "Raised by the workflow",
        "The workflow's author made it fail with this text.",
        "Read the text: the workflow itself decided to stop.",
        "no",
    ),
    ErrorClass(
        "unknown",
        "Unknown",
        "The message does not tell the cause.",
        "Open the execution in n8n and look at the node's input and output.",
        "maybe",
    ),
)

CLASSES: Mapping[str, ErrorClass] = {one.key: one for one in _ALL}
