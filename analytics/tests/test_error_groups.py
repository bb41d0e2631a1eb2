"""Groups made of failures: their counts, courses, states and merges."""

from datetime import UTC, timedelta

import pytest
from django.utils import timezone

from analytics import group_actions, group_digest
from analytics.error_groups import GroupOrder, error_groups
from analytics.group_actions import ActionNotAllowed, Limits
from analytics.group_detail import group_detail
from analytics.group_states import ResolvedIn, State
from analytics.models import ErrorDay, ErrorGroup, ErrorHour, GroupAlias, GroupEvent
from analytics.periods import custom_period
from analytics.questions import question_of
from analytics.rollups import freeze
from analytics.selection import Selection
from analytics.tests.counting import add_run, mark_hours, refresh_all
from analytics.tests.failing import fail
from executions.models import Environment, Execution
from executions.tests.factories import EnvironmentFactory, WorkflowFactory
from tenants.audit import Actor
from tenants.models import AuditEntry
from tenants.scope import operator_scope, tenant_scope
from tenants.tests.factories import MembershipFactory, UserFactory

pytestmark = pytest.mark.django_db

NOW = timezone.now().replace(minute=20, second=0, microsecond=0) - timedelta(hours=1)
HOUR = timedelta(hours=1)
REFUSED, MISSING = "connect ECONNREFUSED 10.0.0.1:5432", "Zorp 7 blorped"
ANN = Actor("ann")


@pytest.fixture
def environment():
    with operator_scope():
        environment = EnvironmentFactory(name="Prod")
    with tenant_scope(environment.tenant_id):
        yield environment


def question(environment, *, since=NOW - 10 * HOUR, until=NOW + HOUR, **selected):
    tenant_id = environment.tenant_id
    period = custom_period(since.isoformat(), until.isoformat(), now=timezone.now(), zone=UTC)
    environments = list(Environment.objects.for_tenant(tenant_id))
    return question_of(Selection(tenant_id=tenant_id, **selected), period, environments)


def counts(environment, order=None, **chosen):
    page = error_groups(question(environment, **chosen), order or GroupOrder())
    return {row.error_type: row.count for row in page.rows}


def group_of(environment, message_part):
    return ErrorGroup.objects.for_tenant(environment.tenant_id).get(
        template__icontains=message_part
    )


def test_failures_of_one_cause_are_one_group_in_all_environments(environment):
    other = EnvironmentFactory(tenant=environment.tenant, name="Dev")
    fail(environment, NOW, REFUSED, workflow_id="a")
    fail(environment, NOW - 3 * HOUR, REFUSED.replace("10.0.0.1", "db.internal"), workflow_id="b")
    fail(other, NOW - HOUR, REFUSED, workflow_id="a")
    fail(environment, NOW, MISSING)
    add_run(environment, NOW, status="success")

    refresh_all()

    page = error_groups(question(environment), GroupOrder())
    assert [(row.count, row.error_class) for row in page.rows] == [
        (3, "connection"),
        (1, "unknown"),
    ]
    refused = page.rows[0]
    assert (page.total, page.failures, refused.state) == (2, 4, "new")
    assert (refused.first_seen, refused.last_seen) == (NOW - 3 * HOUR, NOW)
    assert (refused.affected_workflow_count, refused.affected_environments) == (3, ["Dev", "Prod"])
    assert sum(point.count for point in refused.trend) == 3
    assert len(refused.sample_messages) == 2


def test_counts_are_right_before_the_rollups_are(environment):
    fail(environment, NOW, REFUSED)
    refresh_all()

    fail(environment, NOW + timedelta(minutes=1), REFUSED)
    fail(environment, NOW - 5 * HOUR, REFUSED)

    assert list(counts(environment).values()) == [3]


def test_a_reason_that_comes_later_moves_the_failure_to_its_group(environment):
    row = fail(environment, NOW, REFUSED)
    refresh_all()
    group = group_of(environment, "econnrefused")
    other = fail(environment, NOW, MISSING)
    columns = ("fingerprint", "error_class", "error_template")
    values = {name: getattr(other, name) for name in columns}

    Execution.objects.filter(pk=row.pk).update(**values)
    mark_hours(environment, [row.occurred_at.replace(minute=0)])
    refresh_all()

    assert list(counts(environment).values()) == [2]
    assert ErrorGroup.objects.filter(pk=group.pk).exists()


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"workflows": ("a",)}, [2]),
        ({"workflows": ("b",)}, [1]),
        ({"modes": ("retry",)}, [1]),
        ({"modes": ("webhook",)}, [2]),
        ({"workflows": ("c",)}, []),
    ],
)
def test_it_counts_what_is_selected(environment, chosen, expected):
    fail(environment, NOW, workflow_id="a")
    fail(environment, NOW - 2 * HOUR, workflow_id="a", mode="retry")
    fail(environment, NOW - 2 * HOUR, workflow_id="b")
    refresh_all()

    assert list(counts(environment, **chosen).values()) == expected


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (GroupOrder(sort="count"), [REFUSED, MISSING]),
        (GroupOrder(sort="count", is_ascending=True), [MISSING, REFUSED]),
        (GroupOrder(sort="first_seen"), [MISSING, REFUSED]),
        (GroupOrder(sort="last_seen"), [MISSING, REFUSED]),
        (GroupOrder(sort="change"), [REFUSED, MISSING]),
        (GroupOrder(sort="error_class", is_ascending=True), [REFUSED, MISSING]),
        (GroupOrder(sort="error_type"), [MISSING, REFUSED]),
        (GroupOrder(search="BLORPED"), [MISSING]),
        (GroupOrder(classes=("connection",)), [REFUSED]),
        (GroupOrder(states=("resolved",)), []),
        (GroupOrder(assignee="nobody"), []),
        (GroupOrder(offset=1, limit=1), [MISSING]),
    ],
)  # fmt: skip
def test_it_is_sorted_narrowed_and_cut(environment, order, expected):
    fail(environment, NOW - 3 * HOUR, REFUSED)
    fail(environment, NOW - 2 * HOUR, REFUSED)
    fail(environment, NOW, MISSING)
    refresh_all()

    rows = error_groups(question(environment), order).rows

    assert [row.sample_messages[0] for row in rows] == expected


def test_it_costs_the_same_queries_for_any_number_of_groups(environment, django_assert_num_queries):
    words = ("alpha", "beta", "gamma", "delta", "omega", "sigma")
    for word in words:
        fail(environment, NOW, f"The {word} engine lost its marbles")
    refresh_all()
    asked = question(environment)

    with django_assert_num_queries(3):
        page = error_groups(asked, GroupOrder())

    assert page.total == len(words)


def test_groups_and_counts_outlive_the_executions(environment):
    old = NOW - timedelta(days=40)
    fail(environment, old, REFUSED)
    refresh_all()
    freeze(
        tenant_id=environment.tenant_id,
        environment_id=environment.pk,
        since=old - HOUR,
        before=NOW - 24 * HOUR,
    )

    Execution.objects.for_tenant(environment.tenant_id).delete()

    assert list(counts(environment, since=old - HOUR).values()) == [1]
    assert group_of(environment, "econnrefused").first_seen_at == old
    assert group_of(environment, "econnrefused").state == State.ONGOING


def test_days_are_made_of_hours(environment):
    fail(environment, NOW, workflow_id="a")
    fail(environment, NOW, workflow_id="a")
    fail(environment, NOW - timedelta(days=1), workflow_id="a")

    refresh_all()
    refresh_all()

    for table in (ErrorHour, ErrorDay):
        rows = table.objects.for_tenant(environment.tenant_id).order_by("begins_at")
        assert [row.failures for row in rows] == [1, 2]


def test_what_was_resolved_and_fails_again_is_regressed(environment):
    fail(environment, NOW - 2 * HOUR)
    refresh_all()
    group = group_actions.resolve(group_of(environment, "econnrefused"), actor=ANN)
    assert group.state == State.RESOLVED

    fail(environment, timezone.now() + timedelta(minutes=1))
    refresh_all()

    group.refresh_from_db()
    event = GroupEvent.objects.filter(group=group).first()
    assert (group.state, group.resolved_in, event.kind) == ("regressed", "", "regressed")
    assert (event.actor, event.text) == ("system", "It failed again after it was resolved.")


def test_a_failure_that_began_before_the_resolution_is_no_regression(environment):
    fail(environment, NOW - 2 * HOUR)
    refresh_all()
    group = group_actions.resolve(group_of(environment, "econnrefused"), actor=ANN)

    fail(environment, NOW)
    refresh_all()

    group.refresh_from_db()
    assert group.state == State.RESOLVED


@pytest.mark.parametrize(
    ("resolved_in", "version", "expected"),
    [
        (ResolvedIn.CURRENT, "v1", "resolved"),
        (ResolvedIn.CURRENT, "v2", "regressed"),
        (ResolvedIn.NEXT, "v2", "resolved"),
        (ResolvedIn.NEXT, "v3", "regressed"),
        (ResolvedIn.NOW, "v1", "regressed"),
    ],
)
def test_a_late_failure_of_an_old_version_is_no_regression(
    environment, resolved_in, version, expected
):
    WorkflowFactory(environment=environment, workflow_id="a", version_id="v2")
    fail(environment, NOW, workflow_id="a", workflow_version_id="v1")
    refresh_all()
    group = group_of(environment, "econnrefused")
    group_actions.resolve(group, actor=ANN, resolved_in=resolved_in)

    later = timezone.now() + timedelta(minutes=1)
    fail(environment, later, workflow_id="a", workflow_version_id=version)
    refresh_all()

    group.refresh_from_db()
    assert group.state == expected


def test_what_was_archived_comes_back_when_it_fails_often_enough(environment):
    fail(environment, NOW)
    refresh_all()
    group = group_of(environment, "econnrefused")
    group_actions.archive(group, actor=ANN, limits=Limits(count=2))
    later = timezone.now() + timedelta(seconds=5)

    fail(environment, later)
    refresh_all()
    group.refresh_from_db()
    assert group.state == State.ARCHIVED
    fail(environment, later)
    refresh_all()

    group.refresh_from_db()
    event = GroupEvent.objects.filter(group=group).first()
    assert (group.state, group.archived_until_count) == ("ongoing", None)
    assert (event.kind, event.text) == ("returned", "It failed 2 more times.")


def test_time_alone_moves_groups(environment):
    fail(environment, NOW)
    refresh_all()
    groups = ErrorGroup.objects.for_tenant(environment.tenant_id)
    group = group_of(environment, "econnrefused")
    group_actions.archive(group, actor=ANN, limits=Limits(until=timezone.now() + HOUR))
    groups.update(archived_until=timezone.now() - HOUR)

    group_digest.move_by_time()
    group_digest.move_by_time()

    group.refresh_from_db()
    assert group.state == State.ONGOING
    assert GroupEvent.objects.filter(group=group, kind="returned").count() == 1


def test_of_two_people_the_second_is_told(environment):
    fail(environment, NOW)
    refresh_all()
    one, two = group_of(environment, "econnrefused"), group_of(environment, "econnrefused")
    group_actions.resolve(one, actor=ANN)

    with pytest.raises(ActionNotAllowed, match="in the meantime"):
        group_actions.archive(two, actor=Actor("bob"), limits=Limits())

    assert GroupEvent.objects.filter(group=one).count() == 1


def test_a_merge_counts_for_one_and_can_be_taken_back(environment):
    fail(environment, NOW, REFUSED)
    fail(environment, NOW - 2 * HOUR, MISSING)
    refresh_all()
    target, other = group_of(environment, "econnrefused"), group_of(environment, "blorped")
    group_actions.resolve(other, actor=ANN)
    before = group_of(environment, "blorped")

    group_actions.merge(target, [other], actor=ANN)

    assert counts(environment) == {target.template: 2}
    assert target.first_seen_at == NOW - 2 * HOUR
    assert group_actions.group_of(environment.tenant, other.pk) == target
    fail(environment, NOW, MISSING)
    refresh_all()
    assert counts(environment) == {target.template: 3}

    group_actions.unmerge(target, other.pk, actor=ANN)

    assert counts(environment) == {target.template: 1, other.template: 2}
    after = group_of(environment, "blorped")
    assert (after.state, after.state_since) == (before.state, before.state_since)
    assert not GroupAlias.objects.for_tenant(environment.tenant_id).exists()


def test_a_group_cannot_be_merged_into_itself_or_twice(environment):
    for message in (REFUSED, MISSING, "The alpha engine lost its marbles"):
        fail(environment, NOW, message)
    refresh_all()
    one, two = group_of(environment, "econnrefused"), group_of(environment, "blorped")
    three = group_of(environment, "marbles")
    group_actions.merge(one, [two], actor=ANN)

    for target, others in ((one, [one]), (three, [two]), (two, [three])):
        with pytest.raises(ActionNotAllowed):
            group_actions.merge(target, others, actor=ANN)
    with pytest.raises(ActionNotAllowed, match="not merged"):
        group_actions.unmerge(one, three.pk, actor=ANN)


def test_members_of_a_merged_group_come_along(environment):
    for message in (REFUSED, MISSING, "The alpha engine lost its marbles"):
        fail(environment, NOW, message)
    refresh_all()
    one, two = group_of(environment, "econnrefused"), group_of(environment, "blorped")
    three = group_of(environment, "marbles")

    group_actions.merge(two, [three], actor=ANN)
    group_actions.merge(one, [two], actor=ANN)

    assert counts(environment) == {one.template: 3}
    detail = group_detail(question(environment), one)
    assert {member.id for member in detail.members} == {two.pk, three.pk}


def test_what_people_do_is_in_the_history_and_in_the_audit(environment):
    fail(environment, NOW)
    refresh_all()
    group = group_of(environment, "econnrefused")
    with operator_scope():
        member = MembershipFactory(tenant=environment.tenant).user

    group_actions.assign(group, actor=ANN, user=member)
    group_actions.add_note(group, actor=ANN, text="The port is closed.")
    group_actions.resolve(group, actor=ANN)
    group_actions.reopen(group_of(environment, "econnrefused"), actor=Actor("bob"))

    history = [(event.actor, event.kind) for event in GroupEvent.objects.filter(group=group)]
    assert history == [
        ("bob", "reopened"), ("ann", "resolved"), ("ann", "noted"), ("ann", "assigned"),
    ]  # fmt: skip
    assert AuditEntry.objects.for_tenant(environment.tenant_id).count() == 4


def test_only_members_look_after_a_group(environment):
    fail(environment, NOW)
    refresh_all()

    with pytest.raises(ActionNotAllowed, match="no member"):
        group_actions.assign(group_of(environment, "econn"), actor=ANN, user=UserFactory())


def test_the_detail_says_what_differs_and_where(environment):
    for number, host in enumerate(("a.example.com", "a.example.com", "b.example.com")):
        fail(
            environment,
            NOW - number * HOUR,
            f"getaddrinfo ENOTFOUND {host}",
            error_node=f"Call {number}",
            workflow_id="a",
        )
    refresh_all()

    detail = group_detail(question(environment), group_of(environment, "enotfound"))

    varied = {
        one.kind: [(value.value, value.count) for value in one.top] for one in detail.variations
    }
    assert varied["host"] == [("a.example.com", 2), ("b.example.com", 1)]
    assert len(varied["node"]) == 3
    assert (detail.rule_key, detail.row.count) == ("dns.enotfound", 3)
    assert detail.last_run.occurred_at == NOW
    assert detail.first_run.occurred_at == NOW - 2 * HOUR


def test_a_group_without_failures_in_the_period_still_has_its_page(environment):
    fail(environment, NOW - timedelta(days=9))
    refresh_all()

    detail = group_detail(question(environment), group_of(environment, "econn"))

    assert (detail.row.count, detail.row.places, detail.variations) == (0, (), ())
    assert detail.last_run is not None
