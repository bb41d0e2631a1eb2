import threading
from contextlib import contextmanager
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from executions.models import Environment
from executions.n8n.fake import FakeN8n
from executions.n8n.fake_history import Life
from executions.n8n.fake_server import FakeServer
from observatory.management.commands import demo
from tenants.scope import operator_scope

pytestmark = pytest.mark.django_db


@pytest.fixture
def beginnings():
    """When each life was said to have begun."""
    return []


@pytest.fixture
def short_lives(monkeypatch, beginnings):
    """Stand-ins with one day of history, which is made fast."""

    def live(server, fake, began_at):
        beginnings.append(began_at)
        return Life(fake, server.plans, began_at, days=1)

    monkeypatch.setattr(demo, "live", live)


@pytest.fixture
def run(short_lives, monkeypatch):
    """Run the command until it waits for the first time; gives what it printed."""

    @contextmanager
    def at_once():
        event = threading.Event()
        event.set()
        yield event

    monkeypatch.setattr(demo, "stopped", at_once)

    def command(*arguments):
        output = StringIO()
        call_command("demo", *arguments, stdout=output)
        return output.getvalue().splitlines()

    return command


def environments():
    with operator_scope():
        found = Environment.objects.select_related("tenant").order_by("tenant__slug", "name")
        return {f"{e.tenant.slug}/{e.name}": e.base_url for e in found}


def test_it_connects_three_environments_of_two_tenants(run):
    lines = run()

    connected = environments()
    assert list(connected) == ["acme/Production", "acme/Staging", "globex/Production"]
    assert len(lines) == 3
    for name, url in connected.items():
        assert any(line.startswith(f"{name}: {url} ") for line in lines)


def test_a_second_start_leads_the_environments_to_the_new_ports(run):
    run()
    before = environments()
    with operator_scope():
        Environment.objects.update(base_url="http://127.0.0.1:1")

    run()

    assert environments().keys() == before.keys()
    assert "http://127.0.0.1:1" not in environments().values()


def test_a_second_start_lives_the_same_life(run, beginnings):
    run()
    run()

    assert len(beginnings) == 6
    assert len(set(beginnings)) == 1


def test_it_takes_the_ports_that_it_is_told(run):
    with FakeServer(FakeN8n()) as server:
        taken = server.port

        with pytest.raises(CommandError, match=f"Port {taken} is taken"):
            run(f"--port={taken}")


@pytest.mark.parametrize("port", ["0", "65535", "http", "-1"])
def test_it_names_a_port_that_is_none(run, port):
    with pytest.raises(CommandError, match="is no port to begin at"):
        run(f"--port={port}")
