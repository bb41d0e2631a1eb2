"""Hostile data over the whole way: from n8n's answer into the database and out on a page."""

import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.apps import apps
from django.db import connection
from django.utils import timezone

from executions import sync
from executions.models import Execution
from executions.n8n import fake_faults
from executions.n8n.client import Limits
from executions.n8n.payloads import RowFlag
from tenants.models import Role
from tenants.scope import operator_scope
from tenants.tests.factories import MembershipFactory

pytestmark = pytest.mark.django_db
LISTS = "/api/v1/executions"
START, END = "2026-11-20T10:00:00.000Z", "2026-11-20T10:00:01.500Z"
TEN = datetime(2026, 11, 20, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def keep_for_ever(environment):
    with operator_scope():
        environment.tenant.retention_days = 36_500
        environment.tenant.save()


@pytest.fixture
def listing(n8n, turn):
    """Do a turn against an n8n that lists these rows, given by what is odd in them."""

    def of(*odd):
        rows = [
            {
                "id": str(2000 - number),
                "finished": True,
                "mode": "webhook",
                "status": "success",
                "startedAt": START,
                "stoppedAt": END,
                "workflowId": n8n.workflow_id,
                **changes,
            }
            for number, changes in enumerate(odd)
        ]
        body = json.dumps({"data": rows, "nextCursor": None})
        n8n.plan.always(fake_faults.text(body), path=LISTS)
        assert turn().failure == ""

    return of


@pytest.fixture
def pages(client, environment):
    """All pages and answers that show a run, as a person and a program see them."""
    with operator_scope():
        member = MembershipFactory(tenant=environment.tenant, role=Role.VIEWER)
    client.force_login(member.user)

    def of(run):
        top = f"/t/{environment.tenant.slug}"
        addresses = [f"{top}/executions", f"{top}/executions/{run.pk}"]
        addresses += [f"/api/v1/executions/{run.pk}", "/api/v1/executions"]
        found = [client.get(address) for address in addresses]
        assert {page.status_code for page in found} == {200}
        return [page.content.decode() for page in found]

    return of


TIMES = {
    "queued": ({"startedAt": None, "stoppedAt": None, "status": "new"}, None, None, 0),
    "without an end": ({"stoppedAt": None}, TEN, None, 0),
    "ended before it began": (
        {"startedAt": END, "stoppedAt": START},
        *(TEN + timedelta(seconds=1.5), None, RowFlag.DURATION_NEGATIVE),
    ),
    "without a zone": (
        {"startedAt": "2026-11-20T10:00:00.000"},
        *(TEN, 1500, RowFlag.TIME_WITHOUT_ZONE),
    ),
    "with an offset": ({"startedAt": "2026-11-20T11:00:00.000+01:00"}, TEN, 1500, 0),
    "in milliseconds": ({"startedAt": 1_795_168_800_000}, TEN, 1500, 0),
    "of the year one": (
        {"startedAt": "0001-01-01T00:00:00Z"},
        *(None, None, RowFlag.TIME_OUT_OF_RANGE),
    ),
    "beyond every calendar": (
        {"startedAt": "+275760-09-13T00:00:00.000Z"},
        *(None, None, RowFlag.TIME_OUT_OF_RANGE),
    ),
    "no time": ({"startedAt": "yesterday"}, None, None, RowFlag.TIME_UNREADABLE),
    "of another type": ({"startedAt": {"at": 1}}, None, None, RowFlag.TIME_UNREADABLE),
}


@pytest.mark.parametrize("name", TIMES)
def test_a_time_that_is_odd_is_stored_by_a_rule_and_flagged(listing, rows, pages, name):
    changes, started_at, duration, flag = TIMES[name]

    listing(changes, {})

    row = rows().get(n8n_execution_id="2000")
    assert (row.started_at, row.execution_time) == (started_at, duration)
    assert row.flags & flag == flag
    assert rows().count() == 2
    pages(row)


def test_one_that_waits_until_the_year_3000_keeps_it(listing, rows, pages):
    listing({"status": "waiting", "waitTill": "3000-01-01T00:00:00.000Z"})

    row = rows().get()
    assert (row.wait_till.year, row.normalized_status, row.finished_at) == (3000, "waiting", None)
    pages(row)


@pytest.mark.parametrize(
    "word",
    [
        "",
        "paused by a plugin",
        "x" * 500,
        7,
        {"a": 1},
        "<b>\u202e\u0000",
        "half \ud800 a character",
    ],
    ids=ascii,
)
def test_a_status_or_mode_that_nobody_knows_is_kept_and_counts_as_unknown(
    listing, rows, pages, word
):
    listing({"status": word, "mode": word, "finished": None}, {})

    assert rows().count() == 2
    row = rows().get(n8n_execution_id="2000")
    assert row.normalized_status in ("unknown", "success")
    kept = re.sub("[\0\ud800]", "\ufffd", word)[:20] if isinstance(word, str) else ""
    assert kept in row.status
    pages(row)


@pytest.mark.parametrize(
    ("given", "kept", "order"),
    [
        ("2147483648", "2147483648", 2**31),
        (9007199254740993, "9007199254740993", 2**53 + 1),
        ("9223372036854775807", "9223372036854775807", 2**63 - 1),
        ("92233720368547758070", "92233720368547758070", None),
        ("007", "007", 7),
        ("0199c5f8-7d7e-7a53-8df1-0242ac120002", "0199c5f8-7d7e-7a53-8df1-0242ac120002", None),
    ],
)
def test_an_id_keeps_every_digit(listing, rows, pages, given, kept, order):
    listing({"id": given})

    row = rows().get()
    assert (row.n8n_execution_id, row.id_order) == (kept, order)
    pages(row)


HOSTILE = {
    "a zero byte": "one\0two",
    "a word from right to left": "\u202egnp.exe",
    "an emoji": "🚀 über 日本",
    "a script": "<script>alert(1)</script>",
    "a template": "{{7*7}} {% debug %}",
    "a placeholder": "%s %(name)s %",
    "a link": "javascript:alert(1)",
    "a formula": '=HYPERLINK("http://x","y")',
    "a quote": "\"'><img src=x onerror=alert(1)>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_stored_shown_and_inert(n8n, turn, rows, pages, name):
    text = HOSTILE[name]
    workflow = n8n.add_workflow(text, workflow_id="hostile")
    n8n.run(workflow, "error", error={"message": text, "name": text, "description": text})

    assert turn().failure == ""

    row = rows().get()
    kept = text.replace("\0", "\ufffd")
    assert row.workflow_name == kept
    assert row.error_message
    listed, single, *_ = pages(row)
    assert kept in unescape(listed)
    for page in (listed, single):
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert 'href="javascript' not in page
        assert "<bdi" in page


@pytest.mark.parametrize(
    "message",
    [None, "", 17, ["a", "b"], {"code": 1}, "[object Object]", "<html><title>Bad gateway</title>"]
    + ['{"error": {"message": "inner"}}', "a" * 100_000, "(" * 50_000, 'x"' * 50_000],
    ids=lambda message: str(message)[:12],
)
def test_a_message_of_any_kind_gets_a_class_and_a_group(n8n, turn, rows, pages, message):
    n8n.run(n8n.workflow_id, "error", error={"message": message})

    assert turn().failure == ""

    row = rows().get()
    assert row.error_class
    assert len(row.fingerprint) == 32
    assert len(row.error_message) <= 65_536
    pages(row)


def test_ten_megabytes_of_message_are_cut(n8n, turn, rows, pages, monkeypatch):
    monkeypatch.setattr(sync, "LIMITS", Limits(total_seconds=60))
    n8n.run(n8n.workflow_id, "error", error={"message": "word " * 2_000_000})

    assert turn().failure == ""

    row = rows().get()
    assert 0 < len(row.error_message) <= 65_536
    pages(row)


CANARIES = {
    "Bearer": "CANARYbearer0123456789abcdefABCDEF",
    "sk-": "CANARYsk0123456789abcdefABCDEF0123456789abcdef",
    "ghp_": "CANARYghp0123456789abcdefABCDEF01234",
    "bot": "CANARYbot-0123456789abcdefABCDEF012",
    "password": "CANARYpassword",
    "url": "CANARYurl",
}
LEAKING = (
    "Authorization: Bearer {Bearer} was refused for sk-{sk-} and ghp_{ghp_}, see"
    " https://api.telegram.org/bot123456789:{bot}/sendMessage?password={password}"
    " and postgres://app:{url}@db:5432/app"
)


def test_no_secret_of_a_message_is_to_be_found_anywhere(
    n8n, turn, rows, pages, caplog, environment
):
    words = LEAKING.format(**CANARIES)
    for number in range(6):
        error = {"message": f"{number} {words}", "description": words, "messages": [words]}
        n8n.run(n8n.workflow_id, "error", error=error)

    assert turn().failure == ""

    seen = everything_stored() + caplog.text + "".join(pages(rows().first()))
    assert n8n.workflow_id in seen
    assert [name for name, secret in CANARIES.items() if secret in seen] == []


def everything_stored():
    """Every row of every table of ours, as text."""
    found = []
    with connection.cursor() as cursor:
        for model in apps.get_models():
            cursor.execute(f'SELECT t::text FROM "{model._meta.db_table}" t')
            found += [text for (text,) in cursor.fetchall()]
    return "\n".join(found)


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e400", "1" * 5000], ids=lambda text: text[:9]
)
def test_numbers_that_are_none_refuse_the_page_or_the_field_and_never_crash(
    n8n, turn, rows, health, number
):
    row = f'{{"id": "2000", "status": "success", "startedAt": {number}, "workflowId": "w"}}'
    n8n.plan.always(fake_faults.text(f'{{"data": [{row}], "nextCursor": null}}'), path=LISTS)

    turn()

    assert health() in ("reachable", "not_n8n")
    assert rows().count() == (health() == "reachable")


@pytest.mark.parametrize(
    "odd",
    [{f"key{number}": number for number in range(100_000)}, {"mode": "webhook", "deep": None}],
    ids=["many keys", "deep"],
)
def test_rows_of_any_shape_cost_only_themselves(listing, rows, odd):
    if "deep" in odd:
        odd["deep"] = deep = []
        for _ in range(500):
            deep.append([])
            deep = deep[0]

    listing(odd, {})

    assert rows().count() == 2


def test_a_workflow_that_is_renamed_keeps_its_runs_and_their_old_names(n8n, turn, rows):
    old = n8n.run(n8n.workflow_id, at=timezone.now() - timedelta(hours=1))
    turn()

    n8n.workflow(n8n.workflow_id).name = "n" * 500
    n8n.add_workflow("n" * 500)
    rows_before = rows().count()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE executions_syncstate SET workflows_synced_at = NULL")
    new = n8n.run(n8n.workflow_id)
    turn()

    names = dict(rows(Execution).values_list("n8n_execution_id", "workflow_name"))
    assert (rows_before, names) == (1, {old: "Order sync", new: "n" * 500})
    assert len(set(rows().values_list("workflow_id", flat=True))) == 1
