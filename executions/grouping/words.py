"""Judges the class of a message that no rule knows, by its words.

Each word, the beginning of each longer word, the code that came with the message and the node that
failed weigh for some classes and against others; the class with the greatest sum wins. The weights
are learned from labelled messages, see `executions/tests/grouping/learn.py`. Values and quoted
parts take no part in it: `column "timeout" does not exist` says nothing about time.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from executions.grouping.classes import CLASSES
from executions.grouping.codes import ERRNOS, class_of_code
from executions.grouping.masks import VALUE

WEIGHTS_FILE = Path(__file__).parent / "weights.txt"
# Words are compared by so many letters too: "certificate" and "certificates" begin alike.
_STEM = 5
# A description counts half. Weights are whole numbers, so that no order of adding changes a sum.
_OF_TEXT, _OF_HINT = 2, 1
_LEAST_TOLD = 10
_LONGEST_NAME = 80

_CODE_NODES = frozenset(
    {
        "n8n-nodes-base.code",
        "n8n-nodes-base.function",
        "n8n-nodes-base.functionItem",
        "n8n-nodes-base.aiTransform",
        "@n8n/n8n-nodes-langchain.code",
        "@n8n/n8n-nodes-langchain.toolCode",
    }
)
_DATABASE_NODE_NAMES = """
    awsDynamoDb azureCosmosDb crateDb databricks elasticsearch googleBigQuery googleFirestore
    googleFirebaseCloudFirestore mariaDb memoryMongoDbChat memoryPostgresChat memoryRedisChat
    microsoftSql mongoDb mongodb mySql mysql oracleDatabase oracleSql postgres postgresTool
    questDb redis snowflake sqlite supabase timescaleDb vectorStorePGVector vectorStoreSupabase
"""
_DATABASE_NODES = frozenset(_DATABASE_NODE_NAMES.split())
# Nodes that touch nothing but the items that they are given.
_ITEM_NODE_NAMES = """
    aggregate compareDatasets dateTime filter itemLists limit merge removeDuplicates renameKeys
    sort splitInBatches splitOut summarize
"""
_ITEM_NODES = frozenset(_ITEM_NODE_NAMES.split())

# Errnos that can stand in a text; words such as "internal" are codes only in a code field.
_WRITTEN_ERRNOS = {
    code.lower(): error_class
    for code, error_class in ERRNOS.items()
    if "_" in code or (code[0] == "E" and code not in ("ETIME",))
}
_STATUS_WORDS = frozenset({"status", "code", "http", "error", "statuscode"})
_COMPOUND = re.compile("[_/-]")
_NAME_PARTS = re.compile("[A-Z]?[a-z]{1,60}|[A-Z]{1,60}(?![a-z])")
_CLASSES = tuple(CLASSES)

_Weights = Mapping[str, tuple[tuple[int, int], ...]]


class Evidence(NamedTuple):
    """All that tells the class of a message, besides its values."""

    tokens: tuple[str, ...]
    names: tuple[str, ...] = ()
    code: str = ""
    node_type: str | None = None
    hint: tuple[str, ...] = ()


def is_code_node(node_type: str | None) -> bool:
    return node_type in _CODE_NODES


def is_database_node(node_type: str | None) -> bool:
    return bool(node_type) and _node_name(node_type) in _DATABASE_NODES


@lru_cache(maxsize=8192)
def class_of(evidence: Evidence) -> str:
    """The class that most speaks for; the code's own where the words tell next to nothing."""
    sums = [0] * len(_CLASSES)
    _add(sums, words(evidence), _OF_TEXT)
    _add(sums, words(Evidence(evidence.hint)), _OF_HINT)
    if max(sums) < _LEAST_TOLD:
        return class_of_code(evidence.code) or "unknown"
    _add(sums, circumstances(evidence), _OF_TEXT)
    return _CLASSES[max(range(len(sums)), key=sums.__getitem__)]


def words(evidence: Evidence) -> set[str]:
    """The words of a message and of the names around it, and the beginnings of the longer ones."""
    found = set(_spread(evidence.tokens)) - {VALUE}
    for name in evidence.names:
        found.update(part.lower() for part in _NAME_PARTS.findall(name[:_LONGEST_NAME]))
    return found | {f"{word[:_STEM]}~" for word in found if len(word) > _STEM}


def circumstances(evidence: Evidence) -> set[str]:
    """The code and the node, each by itself and by its kind."""
    code = evidence.code or _status_in(evidence.tokens)
    found = {f"#{code}", f"@{_node_name(evidence.node_type)}", f"@@{_kind(evidence.node_type)}"}
    kinds = [class_of_code(code), *map(_WRITTEN_ERRNOS.get, evidence.tokens)]
    kinds += map(class_of_code, evidence.names)
    return found | {f"##{kind}" for kind in kinds if kind}


def _add(sums: list[int], signs: set[str], times: int) -> None:
    for sign in signs & _WEIGHTS.keys():
        for place, weight in _WEIGHTS[sign]:
            sums[place] += times * weight


def _spread(tokens: Sequence[str]) -> Iterator[str]:
    """Codes and compounds as words: `channel_not_found` tells what "channel not found" does."""
    for token in tokens:
        yield token
        if token != VALUE and _COMPOUND.search(token):
            yield from filter(None, _COMPOUND.split(token))


def _status_in(tokens: Sequence[str]) -> str:
    for before, token in zip(tokens, tokens[1:], strict=False):
        if before in _STATUS_WORDS and len(token) == 3 and token.isdigit():
            return token
    return ""


def _node_name(node_type: str | None) -> str:
    return (node_type or "").rpartition(".")[2]


def _kind(node_type: str | None) -> str:
    if not node_type:
        return "none"
    if is_code_node(node_type):
        return "code"
    name = _node_name(node_type)
    if name in _DATABASE_NODES:
        return "database"
    if name in _ITEM_NODES:
        return "item"
    return "model" if "langchain" in node_type else "other"


def read_weights(text: str) -> _Weights:
    """Lines of a sign and pairs of class and weight."""
    lines = [line.split() for line in text.splitlines() if not line.startswith("//")]
    return {
        sign: tuple(
            (_CLASSES.index(name), int(weight))
            for name, weight in zip(pairs[::2], pairs[1::2], strict=True)
        )
        for sign, *pairs in lines
    }


_WEIGHTS = read_weights(WEIGHTS_FILE.read_text("utf-8"))
