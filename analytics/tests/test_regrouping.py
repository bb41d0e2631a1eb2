"""A new grouping version, or a tenant's rule, over what is stored: nothing people did is lost."""

from datetime import timedelta
from io import StringIO
from unittest.mock import patch

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from analytics import group_actions, regrouping
from analytics.models import ErrorGroup, GroupAlias, Regrouping
from analytics.tests.counting import refresh_all
from analytics.tests.failing import fail
from executions import regroup
from executions.grouping.fingerprint import classify
from executions.models import DetailState, DirtyHour, Execution
from executions.tests.factories import EnvironmentFactory, ErrorRuleFactory
from executions.tests.grouping.messages import development_messages
from tenants.audit import Actor
from tenants.scope import operator_scope, tenant_scope

pytestmark = pytest.mark.django_db

AT = timezone.now() - timedelta(hours=2)
REFUSED, ODD, MARBLES = "connect ECONNREFUSED ::1:80", "alpha is odd today", "It lost its marbles"
ANN = Actor("ann")


@pytest.fixture
def environment():
    with operator_scope():
        environment = EnvironmentFactory()
    with tenant_scope(environment.tenant_id):
        yield environment


@pytest.fixture(autouse=True)
def a_newer_version():
    """Failures of these tests are stored with version 1; now there is a version 2."""
    real = regroup.classify

    def classify(error):
        found = real(error)
        return regroup.Grouping(
            **{name: getattr(found, name) for name in found.__slots__}
            | {"fingerprint": newer(found.fingerprint), "version": 1000}
        )

    with (
        patch.object(regroup, "classify", classify),
        patch.object(regrouping, "GROUPING_VERSION", 1000),
    ):
        yield


def newer(fingerprint):
    """What the newer version makes of it; another one, whatever its digits are."""
    return fingerprint[::-1]


def run(environment, **options):
    for tenant_id in regrouping.tenants_to_regroup():
        while regrouping.regroup_some(tenant_id, **options):
            pass
    refresh_all()


def groups(environment):
    found = ErrorGroup.objects.for_tenant(environment.tenant_id)
    return {group.pk: group for group in found}


def group_of(environment, part):
    return ErrorGroup.objects.for_tenant(environment.tenant_id).get(template__icontains=part)


def new_prints(environment):
    rows = Execution.objects.for_tenant(environment.tenant_id)
    return set(rows.values_list("fingerprint", flat=True))


def test_groups_keep_id_state_and_old_fingerprint(environment):
    fail(environment, AT, REFUSED)
    refresh_all()
    group = group_actions.resolve(group_of(environment, "econnrefused"), actor=ANN)
    old = group.fingerprint

    run(environment)

    after = groups(environment)
    assert set(after) == {group.pk}
    assert (after[group.pk].state, after[group.pk].grouping_version) == ("resolved", 1000)
    assert {after[group.pk].fingerprint} == new_prints(environment) != {old}
    alias = GroupAlias.objects.get()
    assert (alias.fingerprint, alias.group_id, alias.merged_from) == (old, group.pk, None)


def test_merges_are_kept_and_can_still_be_taken_back(environment):
    for message in (REFUSED, ODD):
        fail(environment, AT, message)
    refresh_all()
    target, other = group_of(environment, "econnrefused"), group_of(environment, "odd")
    group_actions.merge(target, [other], actor=ANN)

    run(environment)
    target.refresh_from_db()

    assert group_actions.group_of(environment.tenant, other.pk) == target
    assert len(groups(environment)) == 2
    group_actions.unmerge(target, other.pk, actor=ANN)
    other.refresh_from_db()
    assert group_actions.group_of(environment.tenant, other.pk) == other
    assert {target.fingerprint, other.fingerprint} == new_prints(environment)


def test_of_two_parts_one_goes_on_and_the_other_copies_its_state(environment):
    one = fail(environment, AT, REFUSED)
    fail(environment, AT - timedelta(minutes=1), ODD, fingerprint=one.fingerprint)
    refresh_all()
    group = group_actions.resolve(group_of(environment, "econnrefused"), actor=ANN)

    run(environment)

    after = groups(environment)
    assert len(after) == 2
    assert after[group.pk].template == "connect ECONNREFUSED"
    assert {one.state for one in after.values()} == {"resolved"}
    assert {one.fingerprint for one in after.values()} == new_prints(environment)


def test_two_that_become_one_are_joined_and_both_links_lead_there(environment):
    fail(environment, AT, REFUSED)
    fail(environment, AT - timedelta(minutes=1), REFUSED, fingerprint="f" * 32)
    refresh_all()
    before = list(groups(environment))

    run(environment)

    leading = {group_actions.group_of(environment.tenant, pk).pk for pk in before}
    assert len(leading) == 1
    (group,) = (groups(environment)[pk] for pk in leading)
    assert {group.fingerprint} == new_prints(environment)


def test_a_group_that_a_new_failure_made_meanwhile_gives_way(environment):
    fail(environment, AT, REFUSED)
    refresh_all()
    group = group_actions.resolve(group_of(environment, "econnrefused"), actor=ANN)
    made = newer(group.fingerprint)
    fail(environment, AT, REFUSED, fingerprint=made, grouping_version=1000)
    refresh_all()
    assert len(groups(environment)) == 2

    run(environment)

    assert list(groups(environment)) == [group.pk]
    assert groups(environment)[group.pk].fingerprint == made


def test_a_group_that_people_know_meanwhile_takes_the_old_one_in(environment):
    fail(environment, AT, REFUSED)
    refresh_all()
    group = group_of(environment, "econnrefused")
    fail(environment, AT, REFUSED, fingerprint=newer(group.fingerprint), grouping_version=1000)
    refresh_all()
    known = ErrorGroup.objects.get(grouping_version=1000)
    group_actions.add_note(known, actor=ANN, text="Mine")

    run(environment)

    assert group_actions.group_of(environment.tenant, group.pk) == known


def test_it_goes_on_where_it_was_cut_off_and_doing_it_twice_changes_nothing(environment):
    for number in range(7):
        fail(environment, AT - timedelta(minutes=number), f"{ODD} and {'x' * number} again")
    refresh_all()
    (tenant_id,) = regrouping.tenants_to_regroup()

    regrouping.regroup_some(tenant_id, limit=3)
    state = Regrouping.objects.get()
    assert (state.rows_seen, state.finished_at) == (3, None)
    run(environment, limit=3)

    state.refresh_from_db()
    assert (state.rows_seen, state.rows_changed) == (7, 7)
    assert state.finished_at is not None
    assert regrouping.tenants_to_regroup() == []
    regrouping.request_regrouping(tenant_id, "Once more")
    run(environment)
    state.refresh_from_db()
    assert (state.rows_seen, state.rows_changed) == (7, 0)
    assert not DirtyHour.objects.exists()


def test_a_rule_of_the_tenant_is_carried_out_and_taken_back(environment):
    for message in (REFUSED, ODD, MARBLES):
        fail(environment, AT, message)
    refresh_all()
    run(environment)
    before = new_prints(environment)
    rule = ErrorRuleFactory(
        tenant=environment.tenant, kind="glob", pattern="*odd*", name="Odd ones", error_class="data"
    )

    regrouping.request_regrouping(environment.tenant_id, "With the rule")
    run(environment)

    odd = Execution.objects.for_tenant(environment.tenant_id).get(error_message=ODD)
    assert (odd.error_class, odd.error_template) == ("data", "Odd ones")
    assert group_of(environment, "Odd ones").fingerprint == odd.fingerprint
    rule.delete()
    regrouping.request_regrouping(environment.tenant_id, "Without the rule")
    run(environment)
    assert new_prints(environment) == before


def test_the_command_says_what_it_changed(environment):
    fail(environment, AT, REFUSED)
    out = StringIO()

    call_command("regroup_errors", "--tenant", environment.tenant.slug, stdout=out)

    assert out.getvalue() == f"{environment.tenant.slug}: 1 of 1 failures changed\n"
    with pytest.raises(CommandError, match="There is no tenant “nobody”"):
        call_command("regroup_errors", "--tenant", "nobody")


def test_failures_without_a_message_are_grouped_by_what_is_known_of_them(environment):
    silent = (
        ("error", DetailState.PENDING, "unknown.reason_pending"),
        ("error", DetailState.GONE, "unknown.reason_gone"),
        ("error", DetailState.FETCHED, "unknown.no_message"),
        ("crashed", DetailState.PENDING, "resource.crashed_silently"),
        ("crashed", DetailState.GONE, "resource.crashed_silently"),
        ("canceled", DetailState.FETCHED, "timeout.run_without_error"),
    )
    for status, detail_state, rule_key in silent:
        row = Execution(status=status, detail_state=detail_state, started_at=AT, error_message="")
        assert regroup.grouping_of(row, ()).rule_key == rule_key


def test_what_is_stored_is_grouped_as_it_was_when_it_came():
    for message in development_messages():
        found = classify(message.error)
        row = Execution(
            status="error",
            detail_state=DetailState.FETCHED,
            error_message=found.text,
            error_code=str(message.error.http_code or ""),
            error_node_type=message.error.node_type or "",
        )
        again = regroup.grouping_of(row, ())
        assert again.fingerprint == newer(found.fingerprint), message
