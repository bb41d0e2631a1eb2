"""The house stands as its plan says: one direction of imports, no circles, pure cores."""

import ast
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
# Each may import those after it.
LAYERS = ("observatory", "analytics", "executions", "tenants")
PURE = (
    "executions/n8n",
    "executions/grouping",
    "executions/normalize.py",
    "executions/statuses.py",
    "executions/moments.py",
    "executions/push/bodies.py",
    "executions/push/error_trigger.py",
    "executions/push/otlp.py",
    "executions/push/spans.py",
    "executions/push/told.py",
    "executions/search.py",
    "analytics/periods.py",
    "analytics/pieces.py",
    "analytics/histograms.py",
)
TOP_LEVEL = {
    "observatory",
    "executions",
    "analytics",
    "tenants",
    "templates",
    "static",
    "docs",
    "manage.py",
    "conftest.py",
    "pytest.ini",
    "README.md",
    "CHANGELOG.md",
    "Dockerfile",
    "docker-compose.yml",
    "requirements.in",
    "requirements.txt",
    "requirements-dev.in",
    "requirements-dev.txt",
    "requirements-bench.in",
    "requirements-bench.txt",
    "package.json",
    "package-lock.json",
    "requirements-frontend.in",
    "requirements-frontend.txt",
    "staticfiles",
    "node_modules",
}


def modules():
    for layer in LAYERS:
        for path in sorted((ROOT / layer).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path):
    """(imported module, whether at the head of the file) for each import of our own."""
    tree = ast.parse(path.read_text())
    at_head = set(map(id, tree.body))
    typing_only = {
        id(node)
        for block in tree.body
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for node in block.body
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            yield name, id(node) in at_head


KNOWN = {name_of(path) for path in modules()}


def own_module(name):
    """The module of ours that an imported name means, or None."""
    while name and name not in KNOWN:
        name = name.rpartition(".")[0]
    return name or None


@pytest.mark.parametrize("layer", LAYERS)
def test_an_app_imports_only_apps_to_its_right(layer):
    allowed = LAYERS[LAYERS.index(layer) :]

    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules()
        if path.relative_to(ROOT).parts[0] == layer
        for name, _ in imports_of(path)
        if name.partition(".")[0] in LAYERS and name.partition(".")[0] not in allowed
    ]

    assert wrong == []


def test_no_module_stands_in_a_circle():
    graph = {
        name_of(path): {
            found
            for name, _ in imports_of(path)
            if (found := own_module(name)) and found != name_of(path)
        }
        for path in modules()
        if "tests" not in path.parts
    }

    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"These import each other: {' → '.join(error.args[1])}")


def test_our_own_modules_are_imported_at_the_head_of_a_file():
    hidden = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules()
        if "tests" not in path.parts
        for name, at_head in imports_of(path)
        if not at_head and name.partition(".")[0] in LAYERS
    ]

    assert hidden == []


@pytest.mark.parametrize("place", PURE)
def test_a_pure_module_imports_no_django(place):
    target = ROOT / place
    files = sorted(target.rglob("*.py")) if target.is_dir() else [target]

    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name, _ in imports_of(path)
        if name.partition(".")[0] in ("django", "rest_framework", "celery")
    ]

    assert files
    assert wrong == []


@pytest.mark.parametrize(
    ("module", "others"), [("bootstrap", ["observatory.frontend"]), ("frontend", [])]
)
def test_the_bootstrap_begins_with_the_standard_library_only(module, others):
    heads = [name for name, at_head in imports_of(ROOT / f"observatory/{module}.py") if at_head]

    assert [n for n in heads if n.partition(".")[0] not in sys.stdlib_module_names] == others


def test_nothing_else_stands_at_the_top():
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith((".", "__"))}

    assert found <= TOP_LEVEL


def test_no_module_is_named_after_nothing():
    vague = {"utils.py", "helpers.py", "common.py", "misc.py", "core.py"}

    assert [str(path) for path in modules() if path.name in vague] == []
