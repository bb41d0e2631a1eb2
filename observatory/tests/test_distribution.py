"""The schema can be distributed by tenant: nothing in it spans tenants (docs/operations.md)."""

import pytest
from django.db import connection

pytestmark = pytest.mark.django_db

OF_TENANTS = """
    SELECT attrelid FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE attname = 'tenant_id' AND NOT attisdropped AND c.relkind IN ('r', 'p')
      AND c.relnamespace = 'public'::regnamespace
"""
NAMES = """
    ARRAY(SELECT attname::text FROM pg_attribute
          WHERE attrelid = {table} AND attnum = ANY ({keys}))
"""
UNIQUE = f"""
SELECT i.indrelid::regclass::text, i.indexrelid::regclass::text
FROM pg_index i
WHERE i.indisunique AND i.indrelid IN ({OF_TENANTS})
  AND NOT 'tenant_id' = ANY ({NAMES.format(table="i.indrelid", keys="i.indkey")})
"""
# To what every node has a copy of, a key may lead without the tenant.
REFERENCES = ("tenants_tenant", "tenants_user", "django_content_type")
FOREIGN = f"""
SELECT k.conrelid::regclass::text, k.conname
FROM pg_constraint k
WHERE k.contype = 'f' AND k.conrelid IN ({OF_TENANTS})
  AND NOT k.confrelid::regclass::text = ANY (%s)
  AND NOT 'tenant_id' = ANY ({NAMES.format(table="k.conrelid", keys="k.conkey")})
"""
WITHOUT_KEY = f"""
SELECT oid::regclass::text FROM pg_class WHERE oid IN ({OF_TENANTS})
  AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = pg_class.oid AND indisprimary)
"""


def found(statement, parameters=None):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def test_there_are_tables_to_hold_this_against():
    assert len(found(OF_TENANTS)) > 15


def test_every_unique_key_holds_the_tenant():
    assert found(UNIQUE) == []


def test_every_key_between_tables_of_tenants_holds_the_tenant():
    assert found(FOREIGN, [list(REFERENCES)]) == []


def test_every_table_of_tenants_has_a_primary_key():
    assert found(WITHOUT_KEY) == []
