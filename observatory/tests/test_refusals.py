"""What people and programs are told where the server itself is at fault."""

import pytest
from django.db import InterfaceError, OperationalError


@pytest.fixture
def broken(client, monkeypatch):
    """Ask while every view fails so."""

    def ask(path, fault):
        def fail(*_, **__):
            raise fault

        client.raise_request_exception = False
        monkeypatch.setattr("django.core.handlers.base.BaseHandler.make_view_atomic", fail)
        return client.get(path)

    return ask


@pytest.mark.parametrize("fault", [OperationalError("gone"), InterfaceError("closed")])
def test_a_database_that_is_away_is_said_with_the_time_to_wait(broken, fault):
    answer = broken("/livez", fault)

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "The database does not answer just now." in answer.content.decode()


def test_the_api_says_it_in_its_own_body(broken):
    answer = broken("/api/v1/environments", OperationalError("gone"))

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer["Retry-After"] == "5"


def test_any_other_fault_is_ours_and_tells_nothing(broken):
    answer = broken("/livez", RuntimeError("secret"))

    assert answer.status_code == 500
    assert "secret" not in answer.content.decode()
