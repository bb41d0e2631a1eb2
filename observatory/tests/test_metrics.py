"""What Prometheus reads: who may, and whether it says what happened."""

import os
import re
import subprocess
import sys
import textwrap

import pytest
from django.conf import settings as configured
from prometheus_client.parser import text_string_to_metric_families
from redis.exceptions import ConnectionError as RedisAway

from observatory.metrics import task_counts
from observatory.tasks import note_heartbeat

pytestmark = pytest.mark.django_db
DOCS = configured.BASE_DIR / "docs"


def read(client, **headers):
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.content.decode())
    return {family.name: family.samples for family in families}


def counted(samples, suffix, **labels):
    return sum(
        s.value for s in samples if s.name.endswith(suffix) and labels.items() <= s.labels.items()
    )


def test_requests_are_counted_by_route_and_not_by_address(client):
    before = counted(
        read(client).get("observatory_request_seconds", []), "_count", route="none", status="404"
    )

    client.get("/no/such/page")
    client.get("/another")

    samples = read(client)["observatory_request_seconds"]
    assert counted(samples, "_count", route="none", status="404") == before + 2
    assert "another" not in str(samples)


def test_tasks_are_counted_where_they_end(client):
    name = note_heartbeat.name
    before = counted(read(client).get("observatory_tasks", []), "_total", task=name)

    note_heartbeat.apply()

    found = read(client)
    assert counted(found["observatory_tasks"], "_total", task=name, state="success") > before
    assert counted(found["observatory_task_seconds"], "_total", task=name) > 0
    assert found["observatory_heartbeat_age_seconds"][0].value < 60


def test_the_state_is_told_without_naming_a_tenant(client):
    found = read(client)

    assert {s.labels["queue"] for s in found["observatory_queue_depth"]} >= {"sync", "analytics"}
    assert found["observatory_rollups_waiting_environments"][0].value >= 0
    assert not [s for samples in found.values() for s in samples if "tenant" in s.labels]


def test_without_redis_the_rest_is_told(client, monkeypatch):
    def away():
        raise RedisAway("refused")

    monkeypatch.setattr(task_counts, "store", away)

    found = read(client)

    assert "observatory_queue_depth" not in found
    assert "observatory_database_bytes" in found


@pytest.mark.parametrize(
    ("address", "behind_proxy", "expected"),
    [("127.0.0.1", False, 200), ("127.0.0.1", True, 404), ("203.0.113.9", False, 404)],
)
def test_without_a_token_only_this_machine_may_see_it(
    client, settings, address, behind_proxy, expected
):
    settings.METRICS_TOKEN, settings.BEHIND_PROXY = "", behind_proxy

    assert client.get("/metrics", REMOTE_ADDR=address).status_code == expected


def test_with_a_token_whoever_has_it_may_see_it(client, settings):
    settings.METRICS_TOKEN = "secret of the scraper"

    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 404
    read(client, Authorization="Bearer secret of the scraper")


def test_figures_of_several_processes_are_added_up(tmp_path):
    program = textwrap.dedent("""
        from observatory.metrics.requests import SECONDS
        SECONDS.labels(route="start", method="GET", status="200").observe(0.02)
    """)
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", program], env=environment, check=True)

    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "from observatory.metrics.views import _of_requests as of, generate_latest as text;"
            "print(text(of()).decode())",
        ],
        env={**environment, "DJANGO_SETTINGS_MODULE": "observatory.settings"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    line = 'observatory_request_seconds_count{method="GET",route="start",status="200"} 2.0'
    assert line in told


@pytest.mark.parametrize("file", ["prometheus/rules.yml", "grafana/observatory-prometheus.json"])
def test_the_examples_ask_for_figures_that_are_told(client, file):
    note_heartbeat.apply()
    told = client.get("/metrics").content.decode()
    families = {line.split()[2] for line in told.splitlines() if line.startswith("# TYPE")}

    asked = set(re.findall(r"observatory_[a-z_]+", (DOCS / file).read_text()))

    known = families | {
        f"{name}{end}" for name in families for end in ("_total", "_bucket", "_count")
    }
    assert asked - known == set()
