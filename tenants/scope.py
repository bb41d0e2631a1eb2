"""Which rows the current transaction may see.

PostgreSQL's row-level security hides every row of a tenant-owned table until a transaction has
said whose rows it wants. That is said here and nowhere else:

- ``tenant_scope``    one tenant's rows, for tasks and commands; opens its own transaction
- ``enter_tenant``    the same inside a transaction that is already open (a request's)
- ``enter_user``      the memberships of one user, before a tenant is chosen
- ``ENTER_BEARER``    the token that a call holds, and its tenant, before that is known
- ``operator_scope``  all tenants, for dispatching, the admin and maintenance

Each setting ends with its transaction, so nothing leaks to the next user of a pooled connection.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import connection, transaction

OPERATOR_ROLE = "observatory_operator"
APPLICATION_ROLE = "observatory_app"
# Of BI tools: reads the schema "reports" and nothing else.
READER_ROLE = "observatory_reader"
# For statements that are sent with others; the first within one, of the id that it finds.
ENTERED_TENANT = "set_config('app.tenant', {tenant}::text, true)"
ENTER_TENANT = f"SELECT {ENTERED_TENANT.format(tenant='%(tenant)s')}"
ENTER_BEARER = "SELECT set_config('app.token', %(digest)s, true)"


def require_transaction() -> None:
    """Raises RuntimeError where what is set would end with the statement."""
    if not connection.in_atomic_block:
        raise RuntimeError("A tenant can be set only inside a transaction.")


def enter_tenant(tenant_id: UUID, *, statement_timeout_ms: int | None = None) -> None:
    """Show the rest of this transaction the rows of one tenant only.

    A limit for each later statement can be set at once, since a request needs both.
    """
    _set("app.tenant", str(tenant_id), statement_timeout_ms)


def enter_user(user_id: int, *, statement_timeout_ms: int | None = None) -> None:
    """Show the rest of this transaction the user's memberships and their tenants; with a limit for
    each later statement, as above.
    """
    _set("app.user", str(user_id), statement_timeout_ms)


def _set(name: str, value: str, statement_timeout_ms: int | None) -> None:
    require_transaction()
    statement, values = "SELECT set_config(%s, %s, true)", [name, value]
    if statement_timeout_ms is not None:
        statement += ", set_config('statement_timeout', %s, true)"
        values.append(str(statement_timeout_ms))
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def _current_setting(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(current_setting(%s, true), '')", [name])
        return str(cursor.fetchone()[0])


@contextmanager
def tenant_scope(tenant_id: UUID) -> Iterator[None]:
    """A transaction that sees one tenant's rows; nested, it gives the outer tenant back."""
    if not connection.in_atomic_block:
        # The setting ends with the transaction: nothing to read before, nothing to give back.
        with transaction.atomic():
            enter_tenant(tenant_id)
            yield
        return
    with transaction.atomic():
        before = _current_setting("app.tenant")
        enter_tenant(tenant_id)
        yield
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('app.tenant', %s, true)", [before])


@contextmanager
def operator_scope() -> Iterator[None]:
    """A transaction that sees the rows of all tenants, under a role of its own.

    On an error the transaction or savepoint is rolled back and PostgreSQL restores the role.
    """
    with transaction.atomic():
        before = _current_setting("role")
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL ROLE {OPERATOR_ROLE}")
        yield
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('role', %s, true)", [before])


def set_statement_timeout(milliseconds: int) -> None:
    """Stop each later statement of this transaction that takes longer."""
    require_transaction()
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(milliseconds)])
