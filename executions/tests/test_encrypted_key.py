"""EncryptedTextField, tried on the key of an environment."""

import pytest
from django.db import connection, transaction

from executions.models import Environment
from executions.tests.factories import EnvironmentFactory
from tenants.encryption import SecretUnreadable
from tenants.scope import operator_scope
from tenants.tests.factories import TenantFactory

pytestmark = pytest.mark.django_db
KEY = "n8n-key-that-nobody-may-see"


@pytest.fixture(autouse=True)
def all_tenants():
    with operator_scope():
        yield


def stored(environment):
    with connection.cursor() as cursor:
        cursor.execute("SELECT api_key FROM executions_environment WHERE id = %s", [environment.pk])
        return cursor.fetchone()[0]


def test_it_is_encrypted_in_the_database_and_clear_when_read():
    environment = EnvironmentFactory(api_key=KEY)

    assert KEY not in stored(environment)
    assert Environment.objects.get().api_key == KEY
    assert environment.api_key == KEY


def test_saving_again_keeps_the_stored_value():
    environment = EnvironmentFactory(api_key=KEY)
    before = stored(environment)

    Environment.objects.get().save()

    assert stored(environment) == before


def test_it_can_be_read_later_where_it_was_left_out():
    EnvironmentFactory(api_key=KEY)

    assert Environment.objects.defer("api_key").get().api_key == KEY


def test_a_value_that_was_copied_to_another_tenant_is_unreadable():
    victim = EnvironmentFactory(api_key=KEY)
    thief = EnvironmentFactory(tenant=TenantFactory())
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE executions_environment SET api_key = %s WHERE id = %s",
            [stored(victim), thief.pk],
        )

    with pytest.raises(SecretUnreadable):
        _ = Environment.objects.get(pk=thief.pk).api_key


def test_an_update_without_the_row_is_refused():
    EnvironmentFactory(api_key=KEY)

    with pytest.raises(ValueError, match="only by saving its row"), transaction.atomic():
        Environment.objects.update(api_key="clear text")


def test_it_does_not_show_in_the_rows_text():
    assert KEY not in repr(EnvironmentFactory(api_key=KEY))
