"""Judges the class of a message that no rule knows.

In the order of what is told: the text itself, the description, the names of errors, codes, and at
last the node that failed. Values and quoted parts take no part in it: `column "timeout" does not
exist` says nothing about time.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from executions.grouping.codes import ERRNOS, class_of_code, class_of_status
from executions.grouping.masks import VALUE, WILD, WILDS
from executions.grouping.rules.book import Book
from executions.grouping.rules.rule import Rule

_FOLDER = Path(__file__).parent

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
_MODEL_NODES = ("agent", "chain", "outputParser", "informationExtractor", "textClassifier", "lm")

# Nodes that touch nothing but the items that they are given.
_ITEM_NODE_NAMES = """
    aggregate compareDatasets dateTime filter itemLists limit merge removeDuplicates renameKeys
    sort splitInBatches splitOut summarize
"""
_ITEM_NODES = frozenset(f"n8n-nodes-base.{name}" for name in _ITEM_NODE_NAMES.split())

# What a database node's driver can say that is not about the statement.
_BESIDE = """
    auth cancelled conflict connection credentials dns permission quota rate_limit resource
    timeout tls
"""
_BESIDE_STATEMENTS = frozenset(_BESIDE.split())

# Errnos that can stand in a text; words such as "internal" are codes only in a code field.
_WRITTEN_ERRNOS = {
    code.lower(): error_class
    for code, error_class in ERRNOS.items()
    if "_" in code or (code[0] == "E" and code not in ("ETIME",))
}
# Microsoft's sign-in service names each refusal by an AADSTS code.
_SIGN_IN = frozenset({"auth", "credentials", "permission", "rate_limit", "timeout"})
_STATUS_WORDS = frozenset({"status", "code", "http", "error", "statuscode"})
# What n8n calls errors of its own: "unexpected" says there that n8n is to blame, and of what not.
_OWN_NAMES = frozenset({"UnexpectedError"})
_COMPOUND = re.compile("[_/-]")
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_")


def phrases(name: str) -> list[Rule]:
    """The phrases of one file, in their order."""
    found: list[Rule] = []
    error_class = ""
    for line in _FOLDER.joinpath(name).read_text("utf-8").splitlines():
        if line.startswith("["):
            error_class = line.strip("[]")
        elif line and line[0] != "#":
            found += [Rule(f"{error_class}.phrase", (one,), ()) for one in line.split(" | ")]
    return found


def _words(phrase: str) -> tuple[str, ...]:
    return tuple(phrase.replace("{*}", WILDS).replace("{}", WILD).split())


_STRONG, _WEAK = (Book(phrases(name), _words) for name in ("evidence.txt", "weak-evidence.txt"))


def is_code_node(node_type: str | None) -> bool:
    return node_type in _CODE_NODES


def is_item_node(node_type: str | None) -> bool:
    return node_type in _ITEM_NODES


def is_database_node(node_type: str | None) -> bool:
    return bool(node_type) and str(node_type).rpartition(".")[2] in _DATABASE_NODES


def spread(tokens: Sequence[str]) -> list[str]:
    """Codes and compounds as words: `channel_not_found` is evidence like "channel not found"."""
    words: list[str] = []
    for token in tokens:
        if _COMPOUND.search(token) and token != VALUE:
            words.append(token)
            words += _COMPOUND.split(token)
        else:
            words.append(token)
    return words


def class_of_errno(tokens: Sequence[str]) -> str | None:
    for token in tokens:
        if token in _WRITTEN_ERRNOS:
            return _WRITTEN_ERRNOS[token]
    return None


@lru_cache(maxsize=8192)
def class_of_text(tokens: tuple[str, ...]) -> str | None:
    if errno_class := class_of_errno(tokens):
        return errno_class
    found = _STRONG.first_within(spread(tokens))
    if any(token.startswith("aadsts") for token in tokens):
        return found.error_class if found and found.error_class in _SIGN_IN else "auth"
    return found.error_class if found else None


@lru_cache(maxsize=8192)
def class_of_weak_text(tokens: tuple[str, ...]) -> str | None:
    found = _WEAK.first_within(spread(tokens))
    return found.error_class if found else None


def class_of_names(names: Sequence[str]) -> str | None:
    """What names such as `ThrottlingException` or `ER_LOCK_DEADLOCK` tell."""
    for name in names:
        if name in _OWN_NAMES:
            continue
        if known := class_of_code(name):
            return known
        found = _STRONG.first_within([word.lower() for word in _HUMPS.split(name) if word])
        if found:
            return found.error_class
    return None


def class_of_status_in(tokens: Sequence[str], status: str) -> str | None:
    if status:
        return class_of_status(int(status))
    for before, token in zip(tokens, tokens[1:], strict=False):
        if before in _STATUS_WORDS and len(token) == 3 and token.isdigit():
            return class_of_status(int(token))
    return None


def class_by_node(node_type: str | None, weak: str | None, *, has_code: bool) -> str | None:
    """The class where the text tells little: what this kind of node mostly fails by."""
    if not node_type:
        # Where no node failed, nothing refused a parameter: the workflow is not as it must be.
        return "configuration" if weak == "validation" and not has_code else weak
    if is_database_node(node_type):
        is_beside = weak in _BESIDE_STATEMENTS or (weak == "server_error" and has_code)
        return weak if is_beside else "database"
    name = node_type.rpartition(".")[2]
    if weak is None and name == "executeCommand":
        return "code"
    if weak is None and "langchain" in node_type and name.startswith(_MODEL_NODES):
        return "ai_model"
    # A column is a database's only there; and a node that fails without any code refuses by itself.
    if weak == "database" or (weak is None and not has_code):
        return "validation"
    return weak
