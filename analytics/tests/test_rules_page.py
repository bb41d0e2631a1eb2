"""The page of a tenant's own rules: tried out, added, put in order, changed and removed."""

import re
from datetime import timedelta
from html import unescape
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from analytics.models import ErrorGroup, Regrouping
from analytics.own_rules import draft_for
from analytics.tests.counting import refresh_all
from analytics.tests.failing import ErrorGroupFactory, fail
from executions.error_rules import MOST_RULES, ErrorRule, own_rules
from executions.grouping.own_rules import fingerprint_of
from executions.tests.factories import EnvironmentFactory, ErrorRuleFactory
from tenants.models import AuditEntry, Role
from tenants.scope import operator_scope, tenant_scope
from tenants.tests.factories import MembershipFactory

pytestmark = pytest.mark.django_db

HOSTILE = "<script>alert('rule')</script>"
RULE = {"name": "Warehouse", "kind": "glob", "pattern": "the order * warehouse"}


@pytest.fixture
def member():
    with operator_scope():
        return MembershipFactory(role=Role.OPERATOR)


@pytest.fixture
def environment(member):
    with operator_scope():
        environment = EnvironmentFactory(tenant=member.tenant, name="Prod")
        for message in ("The order 1 missed the warehouse", "The order 2 missed the warehouse"):
            fail(environment, timezone.now() - timedelta(hours=1), message)
        fail(environment, timezone.now() - timedelta(hours=1), "alpha is odd today")
    refresh_all()
    return environment


@pytest.fixture
def page(client, member):
    client.force_login(member.user)
    return f"/t/{member.tenant.slug}/errors/rules"


@pytest.fixture(autouse=True)
def enqueued():
    with patch("analytics.tasks.regroup_failures.apply_async") as apply_async:
        yield apply_async


def names(member):
    with tenant_scope(member.tenant_id):
        return [rule.name for rule in own_rules(member.tenant_id)]


def make(member, *of_names):
    with operator_scope():
        return [
            ErrorRuleFactory(tenant=member.tenant, name=name, position=number)
            for number, name in enumerate(of_names)
        ]


def text_of(answer, status=200):
    assert answer.status_code == status
    return unescape(answer.content.decode())


def test_a_rule_is_tried_out_before_it_is_saved(client, page, member, environment):
    told = text_of(client.post(page, {**RULE, "try": "1"}))

    assert "2 of the newest 3 failures fit it." in told
    assert "The order 1 missed the warehouse" in told
    assert 'value="Warehouse"' in told
    assert names(member) == []


def test_a_rule_is_added_with_who_made_it(
    client, page, member, environment, enqueued, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(page, {**RULE, "error_class": "server_error"}, follow=True)

    told = text_of(answer)
    assert "The rule “Warehouse” is added; stored failures follow within minutes." in told
    assert f'by <bdi class="name short">{member.user.username}<' in told
    assert "Service failed" in told
    assert enqueued.call_count == 1
    with operator_scope():
        assert Regrouping.objects.get().finished_at is None
        assert AuditEntry.objects.get(action="added error rule").subject == "Warehouse"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "n" * 201}, "at most 200 characters"),
        ({"pattern": " "}, "This field is required."),
        ({"pattern": "p" * 501}, "at most 500 characters"),
        ({"kind": "regex"}, "regex is not one of the available choices"),
        ({"error_class": "odd"}, "odd is not one of the available choices"),
        ({"name": "Taken"}, "There is a rule “Taken” already; choose another name."),
    ],
)
def test_a_wrong_rule_is_named_where_it_stands(client, page, member, values, words):
    make(member, "Taken")

    for act in ({}, {"try": "1"}):
        told = text_of(client.post(page, {**RULE, **values, **act}), 400)
        assert words in told
        assert "What it would take" not in told
    assert names(member) == ["Taken"]


def test_there_are_only_so_many(client, page, member):
    make(member, *(f"Rule {number}" for number in range(MOST_RULES)))

    told = text_of(client.post(page, RULE), 400)

    assert "which is the most; remove one first." in told


def test_the_first_that_fits_wins_and_the_order_can_be_changed(client, page, member):
    rules = make(member, "one", "two", "three")

    told = text_of(client.post(f"{page}/{rules[2].pk}/move", {"place": "1"}, follow=True))

    assert names(member) == ["three", "one", "two"]
    assert "The rule “three” has place 1" in told
    with operator_scope():
        assert AuditEntry.objects.get(action="moved error rule").changes == {"place": 1}
    client.post(page, {**RULE, "name": "four"})
    assert names(member) == ["three", "one", "two", "four"]


@pytest.mark.parametrize("place", ["", "0", "101", "up", "²", "9" * 30])
def test_a_place_that_is_none_is_refused(client, page, member, place):
    rules = make(member, "one", "two")

    told = text_of(client.post(f"{page}/{rules[1].pk}/move", {"place": place}, follow=True))

    assert f"“{place[:20]}” is no place; take one from 1 to 100." in told
    assert names(member) == ["one", "two"]


def test_a_rule_is_changed(client, page, member):
    (rule,) = make(member, "one")
    assert 'value="warehouse"' in text_of(client.get(f"{page}/{rule.pk}"))

    client.post(f"{page}/{rule.pk}", {"name": "one", "kind": "literal", "pattern": "stock"})

    with operator_scope():
        assert ErrorRule.objects.get().pattern == "stock"


def test_a_rule_is_removed_only_after_a_question(client, page, member):
    (rule,) = make(member, "one")

    asked = text_of(client.get(f"{page}/{rule.pk}/remove"))
    assert "Its failures go back" in asked
    assert names(member) == ["one"]
    client.post(f"{page}/{rule.pk}/remove")

    assert names(member) == []
    with operator_scope():
        assert AuditEntry.objects.get(action="removed error rule").subject == "one"


def test_who_only_views_sees_the_rules_and_no_way_to_change_them(client, page, member):
    (rule,) = make(member, "one")
    with operator_scope():
        viewer = MembershipFactory(tenant=member.tenant, role=Role.VIEWER)
    client.force_login(viewer.user)

    told = text_of(client.get(page))

    assert "one" in told
    assert "Only an operator changes these" in told
    assert "Add a rule" not in told
    assert str(rule.pk) not in told
    assert client.get(page, RULE).status_code == 403
    assert client.post(page, RULE).status_code == 403


def test_hostile_texts_stay_texts(client, page, member):
    with operator_scope():
        rule = ErrorRuleFactory(
            tenant=member.tenant, name=HOSTILE, pattern=HOSTILE, created_by=HOSTILE
        )
    values = {"name": HOSTILE, "kind": HOSTILE, "pattern": HOSTILE, "error_class": HOSTILE}

    for answer in (
        client.get(page),
        client.get(page, values),
        client.post(page, values),
        client.get(f"{page}/{rule.pk}"),
        client.get(f"{page}/{rule.pk}/remove"),
        client.post(f"{page}/{rule.pk}/move", {"place": HOSTILE}, follow=True),
    ):
        assert HOSTILE not in answer.content.decode()
        assert "&lt;script&gt;" in answer.content.decode()


def test_an_error_leads_to_a_rule_for_its_failures(client, page, member, environment):
    with tenant_scope(member.tenant_id):
        group = ErrorGroup.objects.for_tenant(member.tenant).get(template__contains="warehouse")
    told = text_of(client.get(f"{page.removesuffix('/rules')}/{group.pk}"))

    (link,) = re.findall(r'href="([^"]*/errors/rules\?[^"]*)"', told)
    draft = parse_qs(urlsplit(link).query)
    assert draft["kind"] == ["glob"]
    assert draft["pattern"] == ["The order * missed the warehouse"]
    assert "2 of the newest 3 failures fit it." in text_of(client.get(link))


def test_the_error_of_a_rule_leads_to_it(client, page, member):
    (rule,) = make(member, "one")
    with operator_scope():
        group = ErrorGroupFactory(tenant=member.tenant, fingerprint=fingerprint_of(str(rule.pk)))

    told = text_of(client.get(f"{page.removesuffix('/rules')}/{group.pk}"))

    assert f'href="{page}/{rule.pk}"' in told
    assert "Make a rule of your own" not in told


@pytest.mark.parametrize(
    ("messages", "kind", "pattern"),
    [
        (["lost 5 orders"], "literal", "lost 5 orders"),
        (["lost 5 orders", "lost 7 orders"], "glob", "lost * orders"),
        (["aa", "a"], "glob", "a*"),
        (["abc", "xyz"], "glob", "*"),
        ([], "literal", "lost … orders"),
    ],
)
def test_a_draft_holds_what_all_messages_share(messages, kind, pattern):
    draft = draft_for("lost … orders", messages)

    assert draft == {"name": "lost … orders", "kind": kind, "pattern": pattern}


def test_a_draft_of_long_messages_can_be_saved():
    shared = "x" * 600

    draft = draft_for("n" * 900, [f"{shared}1{shared}", f"{shared}2{shared}"])

    assert len(draft["pattern"]) <= 500
    assert len(draft["name"]) == 200
