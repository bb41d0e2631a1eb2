"""The search of executions on its page: tokens, columns, suggestions, files."""

import csv
import io
import json
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test import AsyncClient
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from executions import exporting
from executions.tests.factories import EnvironmentFactory, ExecutionFactory, WorkflowFactory
from tenants.models import Role
from tenants.scope import operator_scope, tenant_scope
from tenants.tests.factories import MembershipFactory

pytestmark = pytest.mark.django_db
HOSTILE = [
    "=cmd|' /C calc'!A0",
    "+1",
    "-1",
    "@SUM(A1)",
    "\tx",
    "＝1",
    '"><script>alert(1)</script>',
]


@pytest.fixture
def membership():
    with operator_scope():
        return MembershipFactory(role=Role.OWNER)


@pytest.fixture
def tenant(membership):
    return membership.tenant


@pytest.fixture
def top(client, membership):
    client.force_login(membership.user)
    return f"/t/{membership.tenant.slug}"


@pytest.fixture
def history(tenant):
    """Six runs in two environments, named by their n8n ids."""
    now = timezone.now()
    with tenant_scope(tenant.pk):
        prod = EnvironmentFactory(tenant=tenant, name="Production")
        test = EnvironmentFactory(tenant=tenant, name="Test")
        for environment in (prod, test):
            WorkflowFactory(environment=environment, workflow_id="wf1", name="Order sync")
        WorkflowFactory(environment=prod, workflow_id="wf2", name="Invoices", tags=["billing"])

        def run(number, environment, workflow_id, **values):
            values.setdefault("started_at", now - timedelta(hours=number))
            ExecutionFactory(
                tenant=tenant,
                environment_id=environment.pk,
                workflow_id=workflow_id,
                n8n_execution_id=str(number),
                **values,
            )

        run(1, prod, "wf1")
        run(2, prod, "wf1", status="error", error_message="Request timed out", error_node="HTTP")
        run(3, test, "wf1", mode="manual")
        run(4, prod, "wf2", execution_time=90_000)
        run(5, prod, "wf2", status="error", error_message="50% of _all_", error_class="auth")
        run(6, test, "wf1", status="canceled", started_at=now - timedelta(days=40))
    return prod


def ids(page):
    return [row.n8n_execution_id for row in page.context["page"].rows]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status:error", ["2", "5"]),
        ("status:error status:canceled", ["2", "5", "6"]),
        ("-status:success", ["2", "5", "6"]),
        ('workflow:"Order sync"', ["1", "2", "3", "6"]),
        ("workflow:order*", ["1", "2", "3", "6"]),
        ("workflow:wf2", ["4", "5"]),
        ("-workflow:Invoices", ["1", "2", "3", "6"]),
        ("workflow:Invoices workflow:wf1 env:test", ["3", "6"]),
        ("env:prod*", ["1", "2", "4", "5"]),
        ("tag:billing", ["4", "5"]),
        ("-tag:billing status:success", ["1", "3"]),
        ("mode:manual", ["3"]),
        ("duration:>1m", ["4"]),
        ("duration:>=1s duration:<=1s", ["1", "2", "3", "5"]),
        ("started:>now-150m", ["1", "2"]),
        ("started:<now-30d", ["6"]),
        ("timed out", ["2"]),
        ('"TIMED OUT"', ["2"]),
        ("error:timed -mode:manual", ["2"]),
        ("50%", ["5"]),
        ("_all_", ["5"]),
        ("-timed status:error", ["5"]),
        ("class:auth", ["5"]),
        ("tag:nothing", []),
        ("-class:auth status:error", ["2"]),
        ("node:HT*", ["2"]),
        ("node:HTTP", ["2"]),
        ("id:4", ["4"]),
        ("workflow:nothing", []),
    ],
)
def test_tokens_narrow_the_list(client, history, top, query, found):
    page = client.get(f"{top}/executions", {"query": query})

    assert page.status_code == 200
    assert ids(page) == found


def test_a_name_means_the_workflow_that_is_called_so_in_its_environment(
    client, tenant, history, top
):
    with tenant_scope(tenant.pk):
        third = EnvironmentFactory(tenant=tenant, name="Third")
        WorkflowFactory(environment=third, workflow_id="wf1", name="Payroll")
        ExecutionFactory(
            tenant=tenant, environment_id=third.pk, workflow_id="wf1", n8n_execution_id="7"
        )

    for query, found in (
        ("workflow:Payroll", ["7"]),
        ('workflow:"Order sync"', ["1", "2", "3", "6"]),
    ):
        assert ids(client.get(f"{top}/executions", {"query": query})) == found


def test_an_id_of_ours_is_found_as_well(client, history, top):
    row = client.get(f"{top}/executions?query=id:3").context["page"].rows[0]

    assert ids(client.get(f"{top}/executions", {"query": f"id:{row.pk}"})) == ["3"]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("status:failed", "“failed” is not one of"),
        ("env:staging", "“env:staging” is not one of your environments; there are: Production"),
        ("colour:red", "“colour:” is not a word of the search"),
    ],
)
def test_a_search_that_cannot_be_meant_is_refused_everywhere(client, history, top, query, sentence):
    page = client.get(f"{top}/executions", {"query": query})
    answer = client.get("/api/v1/executions", {"query": query})

    assert (page.status_code, answer.status_code) == (400, 400)
    assert sentence in page.content.decode()
    assert sentence in answer.json()["errors"][0]["detail"]


def test_the_api_searches_as_the_page_does(client, history, top):
    body = client.get("/api/v1/executions", {"query": "status:error workflow:Inv*"}).json()

    assert [row["n8n_execution_id"] for row in body["results"]] == ["5"]


def test_text_that_is_a_workflows_name_offers_the_workflow(client, history, top):
    text = client.get(f"{top}/executions?query=order").content.decode()

    assert "query=workflow%3A%22Order+sync%22" in text


def test_a_search_that_takes_too_long_says_what_to_do(client, history, top, settings, monkeypatch):
    def sleep(*_, **__):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(30)")

    settings.WEB_STATEMENT_TIMEOUT_MS = 100
    monkeypatch.setattr("executions.execution_views.keyset_page", sleep)

    page = client.get(f"{top}/executions?query=fire")

    assert page.status_code == 422
    assert "choose a shorter time" in page.content.decode()


@pytest.mark.parametrize("query", ["", "query=fire", "query=workflow:Inv*+id:5+tag:billing"])
def test_a_search_takes_a_constant_number_of_queries(client, history, tenant, top, query):
    with CaptureQueriesContext(connection) as few:
        client.get(f"{top}/executions?view=all&{query}")
    with tenant_scope(tenant.pk):
        for _ in range(40):
            ExecutionFactory(tenant=tenant, environment_id=history.pk, status="error")
    with CaptureQueriesContext(connection) as many:
        client.get(f"{top}/executions?view=all&{query}")

    asked = [one["sql"] for one in many if not one["sql"].startswith(("SAVEPOINT", "RELEASE"))]
    assert len(many) == len(few)
    assert len(asked) <= 12


def test_columns_are_chosen_in_the_address(client, history, top):
    page = client.get(f"{top}/executions?column=node&column=id&column=nonsense")

    text = page.content.decode()
    assert page.context["columns"] == ["node", "id"]
    assert text.count('scope="col"') == 2
    assert f'<a href="{top}/executions/' in text


@pytest.mark.parametrize(("limit", "size"), [("1000", 1000), ("250", 250), ("7", 50), ("x", 50)])
def test_pages_have_one_of_the_offered_sizes(client, history, top, limit, size):
    assert client.get(f"{top}/executions?limit={limit}").context["size"] == size


@pytest.mark.parametrize(
    ("text", "label", "whole"),
    [
        ("sta", "status:", "status:"),
        ("status:e", "status:error ", "status:error "),
        ("mode:manual -sta", "-status:", "mode:manual -status:"),
        ("workflow:ord", 'workflow:"Order sync" ', 'workflow:"Order sync" '),
        ('workflow:"Order s', 'workflow:"Order sync" ', 'workflow:"Order sync" '),
        ("env:te", "env:Test ", "env:Test "),
        ("tag:b", "tag:billing ", "tag:billing "),
        ("duration:", "duration:>1s ", "duration:>1s "),
    ],
)
def test_what_may_follow_is_suggested(client, history, top, text, label, whole):
    answer = client.get(f"{top}/executions/suggestions", {"query": text, "place": len(text)})

    first = answer.context["suggestions"][0]
    assert (first.label, first.whole) == (label, whole)


# --- Files -------------------------------------------------------------------------------------


def file_of(client, address, **query):
    answer = client.get(address, query)
    assert answer.status_code == 200
    return b"".join(answer.streaming_content).decode()


def test_a_file_holds_exactly_the_list(client, history, top):
    query = "status:error -workflow:wf1"
    page = client.get(f"{top}/executions", {"query": query})

    lines = file_of(client, f"{top}/executions/export", query=query, format="ndjson").splitlines()

    rows = [json.loads(line) for line in lines]
    assert [row["n8n_execution_id"] for row in rows] == ids(page) == ["5"]
    assert rows[0]["environment"] == "Production"
    assert rows[0]["error_message"] == "50% of _all_"


def test_the_api_gives_the_same_file_to_a_token_or_person(client, history, top):
    page = file_of(client, f"{top}/executions/export", query="mode:manual")
    answer = client.get("/api/v1/executions/export?format=csv&query=mode:manual")

    assert b"".join(answer.streaming_content).decode() == page
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert 'attachment; filename="executions-' in answer["Content-Disposition"]
    assert len(page.splitlines()) == 2


@pytest.mark.parametrize("value", HOSTILE)
def test_no_cell_begins_as_a_formula(client, tenant, history, top, value):
    with tenant_scope(tenant.pk):
        ExecutionFactory(
            tenant=tenant,
            environment_id=history.pk,
            status="error",
            workflow_name=value,
            error_message=value,
            mode="hostile",
        )

    text = file_of(client, f"{top}/executions/export", query="mode:hostile", format="csv")

    (row,) = list(csv.DictReader(io.StringIO(text)))
    expected = value if value[0] == '"' else f"'{value}"
    assert (row["workflow_name"], row["error_message"]) == (expected, expected)


def test_a_file_that_is_cut_says_so_in_its_last_line(client, history, top, monkeypatch):
    monkeypatch.setattr(exporting, "MOST_ROWS", 3)
    monkeypatch.setattr(exporting, "CHUNK", 2)

    csv_lines = file_of(client, f"{top}/executions/export", format="csv").splitlines()
    json_lines = file_of(client, f"{top}/executions/export", format="ndjson").splitlines()

    assert csv_lines[-1] == '"The export ends here, after 3 rows."'
    assert json.loads(json_lines[-1]) == {"remark": "The export ends here, after 3 rows."}
    assert (len(csv_lines), len(json_lines)) == (5, 4)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [("format=xls", "“xls” is not one of: csv, ndjson"), ("query=colour:red", "is not a word")],
)
def test_a_file_that_cannot_be_made_is_refused(client, history, top, query, sentence):
    page = client.get(f"{top}/executions/export?{query}")
    answer = client.get(f"/api/v1/executions/export?{query}")

    assert (page.status_code, answer.status_code) == (400, 400)
    assert sentence in page.content.decode()
    assert sentence in answer.json()["detail"]


def test_the_file_is_the_same_through_asgi(membership, history, client, top):
    async def take():
        asynchronous = AsyncClient()
        await asynchronous.aforce_login(membership.user)
        answer = await asynchronous.get(f"{top}/executions/export?query=status:error")
        assert answer.is_async
        return b"".join([chunk async for chunk in answer.streaming_content]).decode()

    assert async_to_sync(take)() == file_of(
        client, f"{top}/executions/export", query="status:error"
    )


def test_a_server_that_waits_for_nobody_gets_the_same_chunks():
    closed = []

    def chunks():
        try:
            yield b"a"
            yield b"b"
        finally:
            closed.append(True)

    async def collect():
        return [chunk async for chunk in exporting._in_thread(chunks())]

    assert (async_to_sync(collect)(), closed) == ([b"a", b"b"], [True])


@pytest.fixture
def long_ago(tenant, history):
    """A failure that is older than what a search looks at where nobody names a time."""
    with tenant_scope(tenant.pk):
        return ExecutionFactory(
            tenant=tenant,
            environment_id=history.pk,
            workflow_id="wf1",
            n8n_execution_id="77",
            occurred_at=timezone.now() - timedelta(days=40),
            normalized_status="error",
            error_message="a rare thing",
            error_node="Rare",
            execution_time=987_654,
            workflow_version_id="v7",
        )


@pytest.mark.parametrize(
    "query", ['"a rare thing"', "node:Rare", "duration:>900s", "version:v7 -workflow:wf2"]
)
def test_a_search_that_reads_every_run_looks_at_a_month_unless_a_time_is_named(
    client, top, long_ago, query
):
    def answer(**more):
        return client.get(f"{top}/executions", {"query": query, **more}).content.decode()

    address = f"/executions/{long_ago.pk}"
    assert address not in answer()
    assert "looks at the last 30 days" in answer()
    assert address in answer(started_after="2000-01-01")
    assert "looks at the last 30 days" not in answer(started_after="2000-01-01")


@pytest.mark.parametrize("query", ["node:Rare workflow:wf1", "id:77", "status:error", "-mode:x"])
def test_a_search_that_an_index_answers_looks_at_all_time(client, top, long_ago, query):
    page = client.get(f"{top}/executions", {"query": query}).content.decode()

    assert f"/executions/{long_ago.pk}" in page
    assert "looks at the last 30 days" not in page
