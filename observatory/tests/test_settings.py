import runpy
from typing import Any

import pytest

from observatory.bootstrap import PROJECT


def settings() -> dict[str, Any]:
    return runpy.run_path(str(PROJECT / "observatory" / "settings.py"))


def test_what_the_database_address_says_of_encryption_is_obeyed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://web@db/x?sslmode=verify-full")
    monkeypatch.setenv("OBSERVATORY_DB_POOL", "5")

    options = settings()["DATABASES"]["default"]["OPTIONS"]

    assert options["sslmode"] == "verify-full"
    assert options["pool"]["max_size"] == 5


def test_without_an_address_no_server_of_this_machine_is_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("DATABASE_URL")

    assert settings()["DATABASES"] == {"default": {"ENGINE": "django.db.backends.dummy"}}
