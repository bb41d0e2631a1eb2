"""The benches: what they print and promise, and one real run of the smallest size."""

import io
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from executions.n8n.execution_rows import read_rows
from observatory.bench import measuring
from observatory.bench.launch import bench_environment
from observatory.bench.listing import SPREAD, listed_rows
from observatory.bench.measuring import in_turn, peak_memory_mib, rate
from observatory.bench.page_server import PageServer, canned_pages
from observatory.bench.registry import BENCHES
from observatory.bench.report import Figure, Report
from observatory.management.commands import bench as command
from observatory.stack.servers import Addresses

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
ADDRESSES = Addresses("postgres://web", "postgres://owner", "redis://own")


def report(*figures):
    return Report("ingest", 20_000, figures)


# --- Reports ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("figure", "holds"),
    [
        (Figure("speed", 1.8, at_least=1.8), True),
        (Figure("speed", 1.79, at_least=1.8), False),
        (Figure("memory", 400, at_most=400), True),
        (Figure("memory", 401, at_most=400), False),
        (Figure("rows", 0, at_most=0), True),
        (Figure("only told", 5), True),
    ],
)
def test_a_goal_holds_up_to_its_bound(figure, holds):
    assert figure.holds is holds
    assert report(figure).holds is holds


def test_a_table_shows_each_figure_beside_its_goal():
    shown = report(
        Figure("ours", 18_200.4, "rows/s"),
        Figure("ours against bulk_create", 2.254, "×", at_least=1.8),
        Figure("memory", 512, "MiB", at_most=400),
    ).as_table()

    assert shown.splitlines() == [
        "ingest, 20,000 rows",
        "                                 measured       goal",
        "  ours                      18,200 rows/s",
        "  ours against bulk_create         2.25 ×   ≥ 1.80 ×  holds",
        "  memory                          512 MiB  ≤ 400 MiB  DOES NOT HOLD",
    ]


def test_json_names_figures_and_goals():
    shown = report(Figure("ours", 18_200.4, "rows/s"), Figure("ratio", 2.2544, "×", at_least=1.8))

    assert json.loads(shown.as_json()) == {
        "name": "ingest",
        "rows": 20_000,
        "figures": {"ours": 18_200.4, "ratio": 2.254},
        "goals": [{"goal": "ratio, at least", "bound": 1.8, "measured": 2.254, "holds": True}],
    }


# --- Measuring -------------------------------------------------------------------------------


def test_ways_take_turns_and_each_round_begins_with_another():
    order = []
    ways = {name: (lambda name=name: order.append(name)) for name in "abc"}

    taken = in_turn(ways, rounds=3)

    assert "".join(order) == "abcbcacab"
    assert {name: len(seconds) for name, seconds in taken.items()} == {"a": 3, "b": 3, "c": 3}


def test_a_way_that_takes_long_takes_part_no_more(monkeypatch):
    seconds = {"slow": 9.0, "fast": 0.1}
    monkeypatch.setattr(measuring, "seconds_of", lambda way: seconds[way()])

    taken = in_turn({name: (lambda name=name: name) for name in seconds}, 3, patience=8)

    assert taken == {"slow": [9.0], "fast": [0.1, 0.1, 0.1]}


def test_of_what_is_quick_the_second_run_counts(monkeypatch):
    seconds = {"slow": iter([9.0]), "fast": iter([0.3, 0.1])}
    monkeypatch.setattr(measuring, "seconds_of", lambda way: next(seconds[way()]))

    taken = in_turn({name: (lambda name=name: name) for name in seconds}, 1, warm_up=True)

    assert taken == {"slow": [9.0], "fast": [0.1]}


def test_a_rate_is_that_of_the_middle_round():
    assert rate(250, [0.5, 100.0, 0.1]) == 500


def test_memory_is_told_in_mebibytes():
    assert 20 < peak_memory_mib() < 4000


# --- Data ------------------------------------------------------------------------------------


def test_listed_rows_read_like_those_of_n8n():
    items, refused = read_rows(listed_rows(600, NOON))

    assert refused == ()
    assert [item.id for item in items] == [str(number) for number in range(600, 0, -1)]
    assert all(item.flags == 0 and item.stopped_at > item.started_at for item in items)
    assert min(item.started_at for item in items) > NOON - SPREAD - timedelta(minutes=2)


def test_pages_lead_from_the_newest_row_to_the_oldest():
    server = PageServer(600, 0)
    target, found = "/api/v1/executions?limit=250", []

    while target:
        page = json.loads(server.body_of(target))
        found += [row["id"] for row in page["data"]]
        cursor = page["nextCursor"]
        target = cursor and f"/api/v1/executions?limit=250&cursor={cursor}"

    assert found == [str(number) for number in range(600, 0, -1)]


def test_a_page_server_has_workflows_and_nothing_that_runs():
    server = PageServer(250, 0)

    assert len(json.loads(server.body_of("/api/v1/workflows?limit=250"))["data"]) == 40
    assert json.loads(server.body_of("/api/v1/executions?status=running"))["data"] == []


def test_the_last_page_has_no_cursor():
    assert list(canned_pages(500, NOON)) == ["", "251"]


# --- The command -----------------------------------------------------------------------------


def test_without_a_name_it_lists_the_benches():
    call_command("bench", stdout=(output := io.StringIO()))

    assert [line.split()[0] for line in output.getvalue().splitlines()] == list(BENCHES)


def test_it_names_the_benches_where_one_is_unknown():
    with pytest.raises(CommandError, match="no bench “speed”; there are: ingest, live, sync"):
        call_command("bench", "speed")


def test_it_refuses_peers_where_there_are_none():
    with pytest.raises(CommandError, match="“ingest” has no peers"):
        call_command("bench", "ingest", "--peers")


def test_it_refuses_two_sizes_where_nothing_grows():
    with pytest.raises(CommandError, match="“ingest” takes one number of rows"):
        call_command("bench", "ingest", "--rows", "500", "--rows", "1000")


@pytest.mark.parametrize("rows", ["0", "249", "many", "-1", "1.5"])
def test_it_refuses_numbers_of_rows_that_say_nothing(rows):
    with pytest.raises(CommandError, match="allowed are whole numbers from 250"):
        call_command("bench", "ingest", "--rows", rows)


def test_it_exits_as_the_bench_does(monkeypatch):
    given = []
    monkeypatch.setattr(command, "run_bench", lambda arguments: given.append(arguments) or 1)

    with pytest.raises(SystemExit, match="1"):
        call_command("bench", "sync", "--rows", "500", "--json")

    assert given == [["sync", "--rows", "500", "--json"]]


def test_it_hands_on_every_size(monkeypatch):
    given = []
    monkeypatch.setattr(command, "run_bench", lambda arguments: given.append(arguments) or 0)

    call_command("bench", "kpis", "--rows", "500", "--rows", "1000", "--peers")

    assert given == [["kpis", "--rows", "500", "--rows", "1000", "--peers"]]


def test_a_bench_knows_nothing_of_an_installation():
    installation = {
        "DATABASE_URL": "postgres://theirs",
        "DATABASE_URL_FILE": "/run/secrets/database",
        "OBSERVATORY_STATE_DIR": "/srv/observatory",
        "OBSERVATORY_SECRET_KEY_FILE": "/run/secrets/key",
        "REDIS_URL_FILE": "/run/secrets/redis",
        "PATH": "/usr/bin",
    }

    environment = bench_environment(installation, ADDRESSES)

    assert environment["DATABASE_URL"] == "postgres://web"
    assert environment["REDIS_URL"] == "redis://own"
    assert environment["PATH"] == "/usr/bin"
    assert not [name for name in environment if name.endswith("_FILE")]
    assert "OBSERVATORY_STATE_DIR" not in environment


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.parametrize("name", list(BENCHES))
def test_a_bench_measures_on_servers_of_its_own(name):
    result = subprocess.run(
        [sys.executable, "manage.py", "bench", name, "--rows", "500", "--json"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "OBSERVATORY_NO_BOOTSTRAP": "1", "DATABASE_URL": "", "REDIS_URL": ""},
        capture_output=True,
        text=True,
        timeout=300,
    )

    found = json.loads(result.stdout.splitlines()[-1])
    assert (found["name"], found["rows"]) == (name, 500)
    assert found["goals"]
    assert result.returncode == (0 if all(goal["holds"] for goal in found["goals"]) else 1)
