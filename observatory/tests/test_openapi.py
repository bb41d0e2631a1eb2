"""The API's document in the repository says what the application does."""

from io import StringIO
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from django.core.management import call_command

STORED = Path(settings.BASE_DIR) / "docs" / "openapi.yaml"


@pytest.fixture(scope="module")
def current():
    out = StringIO()
    call_command("spectacular", "--fail-on-warn", "--validate", stdout=out)
    return out.getvalue()


def test_the_stored_document_is_the_current_one(current):
    assert STORED.read_text() == current, (
        "Write it anew: python3 manage.py spectacular --file docs/openapi.yaml"
    )


def test_every_address_of_the_api_is_described(current):
    paths = yaml.safe_load(current)["paths"]

    assert {"/api/v1/executions", "/api/v1/environments/{id}/sync"} <= set(paths)


def test_lists_answer_results_and_a_cursor(current):
    schemas = yaml.safe_load(current)["components"]["schemas"]

    assert set(schemas["PaginatedExecutionList"]["required"]) == {"results", "next_cursor"}
