"""A migration stands in nobody's way for longer than a second."""

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError
from django.db import OperationalError, connection, transaction

from observatory.management.commands import migrate

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(migrate, "LONGEST_LOCK_MS", 50)
    monkeypatch.setattr(migrate, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(migrate, "TRIES", 3)


@pytest.fixture
def reader():
    """Somebody who reads executions in a transaction that does not end."""
    address = settings.DATABASE_URL.rpartition("/")[0]
    with psycopg.connect(f"{address}/{connection.settings_dict['NAME']}") as reader:
        reader.execute("SELECT FROM executions LIMIT 1")
        yield reader


def test_it_gives_up_a_lock_and_tries_again(reader):
    tries = []

    def change():
        tries.append(1)
        if len(tries) == 2:
            reader.rollback()
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE executions IN SHARE ROW EXCLUSIVE MODE")

    reader.execute("LOCK TABLE executions IN ROW EXCLUSIVE MODE")
    migrate.with_patience(change)

    assert len(tries) == 2


def test_it_says_so_where_others_never_let_go(reader):
    reader.execute("LOCK TABLE executions IN ROW EXCLUSIVE MODE")

    def change():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE executions IN SHARE ROW EXCLUSIVE MODE")

    with pytest.raises(CommandError, match="each of 3 tries"):
        migrate.with_patience(change)


def test_other_faults_are_not_tried_again():
    tries = []

    def broken():
        tries.append(1)
        raise OperationalError("the disk is full")

    with pytest.raises(OperationalError, match="disk"):
        migrate.with_patience(broken)
    assert len(tries) == 1
