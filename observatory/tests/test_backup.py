"""A backup restored is the original, row by row; refusals are sentences and leave nothing."""

import stat
from datetime import timedelta
from io import StringIO
from urllib.parse import urlsplit

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from analytics.tests.counting import random_runs, refresh_all
from executions.tests.factories import EnvironmentFactory, WorkflowFactory
from observatory import backup
from tenants.scope import operator_scope
from tenants.tests.factories import MembershipFactory

TABLES = """
SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'django_migrations'
ORDER BY 1
"""
POLICIES = "SELECT tablename, policyname, roles, qual FROM pg_policies ORDER BY 1, 2"


def to(url, name):
    return urlsplit(url)._replace(path=f"/{name}").geturl()


@pytest.fixture
def original(transactional_db, settings):
    """This test's own database, full, and its owner's address."""
    settings.DATABASE_OWNER_URL = to(settings.DATABASE_OWNER_URL, connection.settings_dict["NAME"])
    with operator_scope():
        membership = MembershipFactory()
        environment = EnvironmentFactory(tenant=membership.tenant)
        WorkflowFactory(environment=environment, name="Ünïcode \N{SNOWMAN}")
        now = timezone.now()
        random_runs(environment, count=200, since=now - timedelta(days=3), until=now, seed=1)
    refresh_all()
    return settings.DATABASE_OWNER_URL


@pytest.fixture
def empty(original, settings):
    name = f"{connection.settings_dict['NAME']}_restored"
    with psycopg.connect(original, autocommit=True) as owner:
        owner.execute(f'DROP DATABASE IF EXISTS "{name}"')
        owner.execute(f'CREATE DATABASE "{name}"')
    yield to(original, name)
    with psycopg.connect(original, autocommit=True) as owner:
        owner.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def contents(url):
    with psycopg.connect(url) as owner:
        tables = [name for (name,) in owner.execute(TABLES)]
        rows = {
            name: sorted(text for (text,) in owner.execute(f'SELECT t::text FROM "{name}" t'))
            for name in tables
        }
        return rows, owner.execute(POLICIES).fetchall()


def test_a_restored_backup_is_the_original(original, empty, settings, tmp_path):
    file = tmp_path / "all.backup"

    call_command("backup", str(file), stdout=StringIO())
    settings.DATABASE_OWNER_URL = empty
    backup.restore(file, replace=False)

    rows, policies = contents(empty)
    assert (rows, policies) == contents(original)
    assert len(rows["executions"]) == 200
    assert len(policies) > 20
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_database_with_tables_is_replaced_only_when_that_is_said(
    original, empty, settings, tmp_path
):
    file = tmp_path / "all.backup"
    backup.back_up(file)
    settings.DATABASE_OWNER_URL = empty
    backup.restore(file, replace=False)

    with pytest.raises(backup.BackupError, match="tables already"):
        backup.restore(file, replace=False)
    backup.restore(file, replace=True)

    assert contents(empty) == contents(original)


def test_a_file_that_is_there_is_not_overwritten(original, tmp_path):
    file = tmp_path / "all.backup"
    file.write_text("precious")

    with pytest.raises(CommandError, match="exists"):
        call_command("backup", str(file))

    assert file.read_text() == "precious"


@pytest.mark.parametrize(
    ("content", "words"), [(None, "There is no file"), ("no archive", "pg_restore failed")]
)
def test_what_is_no_backup_is_refused_in_a_sentence(
    original, empty, settings, tmp_path, content, words
):
    file = tmp_path / "all.backup"
    if content is not None:
        file.write_text(content)
    settings.DATABASE_OWNER_URL = empty

    with pytest.raises(CommandError, match=words):
        call_command("restore", str(file))

    assert contents(empty) == ({}, [])


def test_a_folder_that_is_not_there_leaves_no_draft(original, tmp_path):
    with pytest.raises(backup.BackupError, match="cannot be written"):
        backup.back_up(tmp_path / "no" / "such.backup")
