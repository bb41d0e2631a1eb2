"""What a login of a BI tool reads, made as docs/operations.md makes one: its tenants' reports."""

from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from psycopg import errors

from analytics import materialized
from analytics.tests.counting import random_runs, refresh_all
from executions.tests.factories import EnvironmentFactory
from tenants.scope import operator_scope

REPORTS = ("execution_counts_by_workflow", "execution_counts_by_environment", "error_summary")
PASSWORD = "read-only"


def session(**who):
    own = connection.settings_dict
    return psycopg.connect(
        host=own["HOST"], port=own["PORT"], dbname=own["NAME"], autocommit=True, **who
    )


@contextmanager
def as_owner():
    with psycopg.connect(
        settings.DATABASE_OWNER_URL, dbname=connection.settings_dict["NAME"], autocommit=True
    ) as owner:
        yield owner


@pytest.fixture
def login(db):
    """A login that is a reader, and has no tenant yet."""
    name = f"bi_{connection.settings_dict['NAME']}"
    with as_owner() as owner:
        owner.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}' IN ROLE observatory_reader")
    yield name
    with as_owner() as owner:
        owner.execute("DELETE FROM reports.reader WHERE login = %s", [name])
        owner.execute(f"DROP ROLE {name}")


@pytest.fixture
def reader(login):
    with session(user=login, password=PASSWORD) as connected:
        yield connected


@pytest.fixture
def two_tenants(transactional_db):
    """Environments of two tenants with runs, committed, in views that are up to date."""
    now = timezone.now()
    with operator_scope():
        mine, other = EnvironmentFactory(), EnvironmentFactory()
        for environment in (mine, other):
            since = now - timedelta(days=3)
            random_runs(environment, count=40, since=since, until=now, workflows=2)
    refresh_all()
    for name in materialized.VIEWS:
        assert not materialized.refresh_view(name).error
    return mine, other


def test_it_reads_the_tenants_that_the_owner_gave_it_whatever_it_says_itself(
    two_tenants, login, reader
):
    mine, other = two_tenants
    reader.execute(f"SET app.tenant = '{other.tenant_id}'")
    nothing = [
        reader.execute(f"SELECT count(*) FROM reports.{view}").fetchone() for view in REPORTS
    ]
    with as_owner() as owner:
        owner.execute("INSERT INTO reports.reader VALUES (%s, %s)", [login, mine.tenant_id])

    for view in REPORTS:
        seen = reader.execute(f"SELECT DISTINCT tenant_id, environment_name FROM reports.{view}")
        assert seen.fetchall() == [(mine.tenant_id, mine.name)]
    assert nothing == [(0,)] * 3


def test_a_condition_is_not_tried_on_the_rows_of_others(two_tenants, reader):
    # Without the barrier the planner may try it before the tenant, and its error tells of a row.
    leak = (
        "SELECT count(*) FROM reports.error_summary WHERE 1 / (failure_count - failure_count) > 0"
    )

    assert reader.execute(leak).fetchone() == (0,)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT api_key FROM executions_environment",
        "SELECT count(*) FROM executions",
        "SELECT count(*) FROM tenants_apitoken",
        "SELECT count(*) FROM mv_error_summary",
        "SELECT count(*) FROM reports.reader",
        "INSERT INTO reports.reader VALUES (session_user, gen_random_uuid())",
        "SELECT reports.refresh('mv_error_summary')",
        "UPDATE reports.error_summary SET failure_count = 0",
        "DELETE FROM reports.execution_counts_by_environment",
        "CREATE TABLE reports.own (n int)",
        "CREATE TABLE public.own (n int)",
        "SET ROLE observatory_app",
        "SET ROLE observatory_operator",
        "SET SESSION AUTHORIZATION observatory_app",
    ],
)
def test_it_can_neither_write_nor_read_behind_the_views(reader, statement):
    refusals = (errors.InsufficientPrivilege, errors.ObjectNotInPrerequisiteState)

    with pytest.raises(refusals):
        reader.execute(statement)
