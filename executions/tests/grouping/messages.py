"""Labelled messages to measure by: the development file, and templates filled with values."""

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from executions.grouping.fingerprint import classify_anew
from executions.grouping.text import ErrorInput
from executions.tests.grouping.scoring import Labelled

FOLDER = Path(__file__).parent
_ROWS_A_TEMPLATE = 4
_WRAPPERS = ("Error: ", "NodeApiError: ", "[RE-WRAPPED]: ")
_MODEL_NODES = ("lm", "agent", "vector", "output", "tool", "openAi", "mcp", "memory", "chat")
_VALUES = {
    "table": "orders customers invoice_lines stock timeouts connection_log users",
    "column": "email status timeout auth_token created_at network_id name customerId",
    "host": "db.corp.example n8n-postgres host.docker.internal redis crm.example.co.uk",
    "ip": "10.0.0.4 172.18.0.5 192.168.1.16",
    "port": "5432 443 1433",
    "user": "n8n postgres report_ro svc_automation sa",
    "word": "alpha shop EUR payload foo draft create",
    "model": "gpt-5-nano o3-mini claude-3-haiku llama3.2 gemini-1.5-pro",
    "node": "HTTP~Request1 Überprüfe~Kunde Set Loop~Over~Items",
    "email": "ana.diaz@example.com k.o@example.co.uk noreply@shop.example",
    "url": "https://platform.example.com/account https://api.shop.example/v1/x?id=3",
    "path": "/in/orders.csv /data/x.json /upload/2026-01/a.pdf",
    "file": "report.pdf invoice_88.csv orders-2026.json",
    "phone": "+4915112345 +15005550006 +33612345678",
    "date": "2026-09-01T10:00:00Z 2026-11-23T17:34:17.123Z",
}


@dataclass(frozen=True)
class Message:
    group: str
    error_class: str
    error: ErrorInput


def development_messages() -> list[Message]:
    lines = (FOLDER / "labelled-dev.jsonl").read_text("utf-8").splitlines()
    return [
        Message(
            row["group_key"],
            row["class"],
            ErrorInput(
                message=row["message"],
                description=row.get("description"),
                node_type=row.get("node_type"),
                http_code=row.get("http_code"),
            ),
        )
        for row in map(json.loads, lines)
    ]


def filled_templates(name: str) -> Iterator[Message]:
    """Lines `class|node|code|message`, each several times with values in place of `{kind}`."""
    for number, line in enumerate((FOLDER / name).read_text("utf-8").splitlines()):
        if not line or line.startswith("#"):
            continue
        error_class, node, code, text = line.split("|", 3)
        text = re.sub(r"(?<!\\r)\\n", "\n", text)
        for turn in range(_ROWS_A_TEMPLATE):
            chance = random.Random(f"{number}.{turn}")
            error = ErrorInput(
                message=_wrapped(_filled(text, chance), code, turn, chance),
                node_type=_node_type(node) if node else None,
                http_code=code or None,
            )
            yield Message(f"{name}:{number}", error_class, error)


def labelled(messages: list[Message]) -> list[Labelled]:
    found = [(message, classify_anew(message.error)) for message in messages]
    return [
        Labelled(message.group, one.fingerprint, message.error_class, one.error_class)
        for message, one in found
    ]


def _filled(text: str, chance: random.Random) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: _value(found[1], found[0], chance), text)


def _value(kind: str, otherwise: str, chance: random.Random) -> str:
    if kind == "n":
        return str(chance.choice([chance.randint(1, 99), chance.randint(1000, 99999)]))
    if kind == "id":
        return f"{chance.getrandbits(chance.choice([40, 64])):x}{chance.randint(0, 9)}"
    if kind == "uuid":
        digits = f"{chance.getrandbits(128):032x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    if kind not in _VALUES:
        return otherwise
    return chance.choice(_VALUES[kind].split()).replace("~", " ")


def _wrapped(text: str, code: str, turn: int, chance: random.Random) -> str:
    if turn == 1:
        return chance.choice(_WRAPPERS) + text
    if turn == 2 and re.fullmatch("[45]..", code):
        return f"{code} {text}"
    return text.replace("'", "’") if turn == 3 and "n't" in text else text


def _node_type(node: str) -> str:
    package = "@n8n/n8n-nodes-langchain" if node.startswith(_MODEL_NODES) else "n8n-nodes-base"
    return f"{package}.{node}"
