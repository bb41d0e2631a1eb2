"""The database itself keeps tenants apart, whatever the code asks for."""

import pytest
from django.db import ProgrammingError, connection, transaction

from tenants.models import Membership, Tenant
from tenants.scope import enter_tenant, enter_user, operator_scope, tenant_scope
from tenants.tests.factories import MembershipFactory, TenantFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def two_tenants():
    with operator_scope():
        return MembershipFactory(), MembershipFactory()


def test_it_shows_nothing_without_a_tenant(two_tenants):
    assert Tenant.objects.count() == 0
    assert Membership.objects.count() == 0


def test_it_shows_one_tenants_rows_in_its_scope(two_tenants):
    mine, _ = two_tenants

    with tenant_scope(mine.tenant_id):
        assert list(Membership.objects.all()) == [mine]
        assert list(Tenant.objects.all()) == [mine.tenant]


def test_it_gives_the_outer_tenant_back_after_an_inner_scope(two_tenants):
    mine, other = two_tenants

    with tenant_scope(mine.tenant_id):
        with tenant_scope(other.tenant_id):
            assert Membership.objects.get() == other
        assert Membership.objects.get() == mine


def test_it_shows_all_tenants_to_the_operator_and_takes_that_back(two_tenants):
    with operator_scope():
        assert Membership.objects.count() == 2

    assert Membership.objects.count() == 0


def test_it_refuses_a_row_for_another_tenant(two_tenants):
    mine, other = two_tenants

    with pytest.raises(ProgrammingError, match="row-level security"), tenant_scope(mine.tenant_id):
        Membership.objects.create(tenant=other.tenant, user=mine.user)


def test_it_shows_a_person_the_own_memberships_before_a_tenant_is_chosen(two_tenants):
    mine, _ = two_tenants

    with transaction.atomic():
        enter_user(mine.user_id)
        assert list(Membership.objects.all()) == [mine]
        assert list(Tenant.objects.all()) == [mine.tenant]


def test_a_person_cannot_change_a_membership_before_a_tenant_is_chosen(two_tenants):
    mine, _ = two_tenants

    with transaction.atomic():
        enter_user(mine.user_id)
        assert Membership.objects.update(role="owner") == 0


@pytest.mark.django_db(transaction=True)
def test_the_tenant_ends_with_the_transaction_on_the_same_connection():
    with operator_scope():
        tenant = TenantFactory()
    with transaction.atomic():
        enter_tenant(tenant.pk)
        assert Tenant.objects.count() == 1

    with transaction.atomic():
        assert Tenant.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_tenant_can_be_set_only_inside_a_transaction():
    with pytest.raises(RuntimeError, match="inside a transaction"):
        enter_tenant(TenantFactory.build().pk)


def test_audit_entries_cannot_be_changed_by_the_application(two_tenants):
    mine, _ = two_tenants

    with pytest.raises(ProgrammingError, match="permission denied"), tenant_scope(mine.tenant_id):
        connection.cursor().execute("UPDATE tenants_auditentry SET actor = 'somebody else'")


def test_the_application_connects_as_a_role_that_policies_bind():
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False,)


def test_every_table_with_a_tenant_has_policies_and_the_tenant_in_every_unique_key():
    with connection.cursor() as cursor:
        cursor.execute("""
            SELECT c.relname, c.relrowsecurity,
                (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid),
                (SELECT bool_and(a.attnum = ANY(i.indkey)) FROM pg_index i
                 WHERE i.indrelid = c.oid AND i.indisunique)
            FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
            WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
        """)
        tables = cursor.fetchall()

    assert len(tables) >= 8
    assert [row for row in tables if not row[1] or row[2] < 2 or not row[3]] == []
