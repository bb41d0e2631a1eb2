"""An answer that several ask for is made once, and not given any more after a change."""

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.response import Response

from tenants import sharing
from tenants.ids import uuid7
from tenants.models import Role, Tenant
from tenants.realtime import tell
from tenants.scope import operator_scope
from tenants.sharing import shared_answer
from tenants.tests.factories import MembershipFactory, TenantFactory

A_DAY = datetime(2026, 5, 4, tzinfo=UTC)


class Numbered:
    """A view that numbers the answers that it makes, and waits with each until it may."""

    def __init__(self):
        self.made = 0
        self.words = ""
        self.begun, self.may = Event(), Event()
        self.may.set()

    @shared_answer
    def get(self, request):
        self.made += 1
        number = self.made
        self.begun.set()
        assert self.may.wait(20)
        return Response({"number": number, "words": self.words})

    def number(self, request):
        answer = self.get(request)
        return json.loads(answer.content)["number"]


@pytest.fixture
def view():
    return Numbered()


@pytest.fixture
def tenant():
    return SimpleNamespace(pk=uuid7(), changed_at=A_DAY)


def asked(tenant, *, role=Role.VIEWER, path="/a", zone="", **headers):
    http = HttpRequest()
    http.method, http.path = "GET", path
    http.META.update(headers)
    http.tenant, http.role = tenant, role
    request = Request(http)
    request.user = SimpleNamespace(time_zone=zone) if zone else AnonymousUser()
    return request


def test_who_asks_the_same_is_given_the_same(view, tenant):
    assert [view.number(asked(tenant)) for _ in range(3)] == [1, 1, 1]


@pytest.mark.parametrize(
    "other", [{"path": "/b"}, {"role": Role.ADMIN}, {"zone": "Europe/Paris"}], ids=str
)
def test_who_asks_something_else_is_given_something_else(view, tenant, other):
    view.get(asked(tenant))

    assert view.number(asked(tenant, **other)) == 2


def test_another_tenant_is_given_its_own(view, tenant):
    view.get(asked(tenant))

    assert view.number(asked(SimpleNamespace(pk=uuid7(), changed_at=A_DAY))) == 2


def test_nothing_is_given_that_is_older_than_a_change(view, tenant):
    view.get(asked(tenant))
    tenant.changed_at = A_DAY.replace(microsecond=1)

    assert view.number(asked(tenant)) == 2


def test_who_takes_it_compressed_is_given_it_compressed_once_for_all(view, tenant):
    view.words = "word " * 200
    plain = view.get(asked(tenant))
    first, second = (view.get(asked(tenant, HTTP_ACCEPT_ENCODING="br, gzip")) for _ in range(2))

    assert first.content == second.content
    assert first["Content-Encoding"] == "gzip"
    assert plain["Vary"] == first["Vary"] == "Accept-Encoding"
    assert "Content-Encoding" not in plain
    assert json.loads(gzip.decompress(first.content)) == json.loads(plain.content) | {"number": 2}


def test_who_wants_a_new_one_gets_a_new_one(view, tenant):
    view.get(asked(tenant))

    answer = view.get(asked(tenant, HTTP_CACHE_CONTROL="max-age=0, no-cache"))

    assert answer.data["number"] == 2


def test_sharing_can_be_turned_off(view, tenant, settings):
    settings.SHARED_ANSWER_SECONDS = 0

    assert [view.get(asked(tenant)).data["number"] for _ in range(2)] == [1, 2]


def test_who_comes_while_it_is_made_waits_for_it(view, tenant):
    view.may.clear()
    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(view.number, asked(tenant))
        assert view.begun.wait(20)
        others = [threads.submit(view.number, asked(tenant)) for _ in range(3)]
        assert not any(other.done() for other in others)
        view.may.set()

    assert [one.result() for one in (first, *others)] == [1, 1, 1, 1]


def test_a_refusal_is_not_kept(tenant):
    class Refusing(Numbered):
        @shared_answer
        def get(self, request):
            self.made += 1
            if self.made == 1:
                raise ValueError("The first one is refused.")
            return Response({"number": self.made})

    view = Refusing()
    with pytest.raises(ValueError, match="refused"):
        view.get(asked(tenant))

    assert view.number(asked(tenant)) == 2


def test_it_says_its_age_once_it_has_one(view, tenant, monkeypatch):
    now = sharing.time.monotonic()
    monkeypatch.setattr(sharing, "time", SimpleNamespace(monotonic=lambda: now))
    fresh = view.get(asked(tenant))
    monkeypatch.setattr(sharing, "time", SimpleNamespace(monotonic=lambda: now + 3.5))
    shared = view.get(asked(tenant))

    assert "Age" not in fresh.headers
    assert shared.headers["Age"] == "3"


def changed_at(tenant):
    with operator_scope():
        return Tenant.objects.get(pk=tenant.pk).changed_at


@pytest.mark.django_db
def test_what_pages_are_told_of_is_a_change():
    with operator_scope():
        tenant, other = TenantFactory(), TenantFactory()
    before = changed_at(tenant), changed_at(other)

    tell(tenant.pk, "notice", {"about": "environment"})

    assert changed_at(tenant) > before[0]
    assert changed_at(other) == before[1]


@pytest.mark.django_db
def test_what_a_member_does_is_a_change_and_what_one_reads_is_none(client):
    with operator_scope():
        membership = MembershipFactory()
    client.force_login(membership.user)
    address = f"/t/{membership.tenant.slug}/settings"
    before = changed_at(membership.tenant)

    client.get(address)
    read = changed_at(membership.tenant)
    client.post(address, {"name": "Other", "time_zone": "UTC"})

    assert read == before
    assert changed_at(membership.tenant) > before
