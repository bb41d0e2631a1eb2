"""Every address of the project, tried as a member, as somebody else's member and as nobody.

A new address without an entry here fails the first test.
"""

import uuid

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from analytics.models import ErrorGroup
from analytics.tests.failing import ErrorGroupFactory
from executions.error_rules import ErrorRule
from executions.models import SavedView
from executions.tests.factories import EnvironmentFactory, ErrorRuleFactory, ExecutionFactory
from tenants.models import Role
from tenants.scope import operator_scope
from tenants.tests.factories import MembershipFactory, UserFactory
from tenants.tokens import create_token

pytestmark = pytest.mark.django_db

LAYERS = ("analytics", "executions", "tenants")
# Name: (method, what a member may see).
TENANT_PAGES = {
    "overview": ("get", 200),
    "workflows": ("get", 200),
    "workflow": ("get", 200),
    "find": ("get", 200),
    "errors": ("get", 200),
    "error": ("get", 200),
    "credentials": ("get", 200),
    "error-rules": ("get", 200),
    "error-rule": ("get", 200),
    "move-error-rule": ("post", 302),
    "remove-error-rule": ("get", 200),
    "act-on-error": ("post", 302),
    "act-on-errors": ("post", 302),
    "general": ("get", 200),
    "retention": ("get", 200),
    "prune-now": ("post", 302),
    "you": ("get", 200),
    "members": ("get", 200),
    "change-member": ("post", 302),
    "remove-member": ("post", 302),
    "tokens": ("get", 200),
    "revoke-token": ("post", 302),
    "audit": ("get", 200),
    "design": ("get", 200),
    "list": ("get", 200),
    "export": ("get", 200),
    "suggestions": ("get", 200),
    "executions-over-time": ("get", 200),
    "saved-views": ("get", 200),
    "save-view": ("post", 302),
    "change-view": ("post", 302),
    "default-view": ("post", 302),
    "delete-view": ("post", 302),
    "detail": ("get", 200),
    "data": ("get", 200),
    "environments": ("get", 200),
    "connect": ("get", 200),
    "test-connection": ("post", 200),
    "environment": ("get", 200),
    "edit-environment": ("get", 200),
    "sync-now": ("post", 302),
    "pause": ("post", 302),
    "release": ("post", 302),
    "remove": ("get", 200),
    "issue-push-token": ("post", 200),
    "revoke-push-token": ("post", 302),
}
API = {
    "api-environment-list": ("get", 200),
    "api-environment-detail": ("get", 200),
    "api-environment-test": ("post", 415),
    "api-environment-sync": ("post", 202),
    "api-environment-release": ("post", 200),
    "api-environment-sync-runs": ("get", 200),
    "api-environment-coverage": ("get", 200),
    "api-environment-push-token": ("post", 201),
    "api-execution-list": ("get", 200),
    "api-execution-export": ("get", 200),
    "api-execution-detail": ("get", 200),
    "api-execution-nodes": ("get", 200),
    "api-error-list": ("get", 200),
    "api-error-detail": ("get", 200),
    "api-error-resolve": ("post", 415),
    "api-error-reopen": ("post", 409),
    "api-error-archive": ("post", 415),
    "api-error-assign": ("post", 415),
    "api-error-notes": ("post", 415),
    "api-error-merge": ("post", 415),
    "api-error-unmerge": ("post", 415),
    "api-error-rule-list": ("get", 200),
    "api-error-rule-detail": ("get", 200),
    "api-error-rule-preview": ("post", 415),
    "api-error-rule-move": ("post", 415),
}
# Numbers of the whole tenant: they have no id, and everybody has numbers of the own.
NUMBERS = {
    "api-overview": "/api/v1/observability/overview",
    "api-kpis": "/api/v1/observability/kpis",
    "api-workflows": "/api/v1/observability/workflows",
    "api-health": "/api/v1/observability/environments",
    "api-status": "/api/v1/observability/status",
    "api-timeseries": "/api/v1/observability/timeseries",
    "api-stuck": "/api/v1/observability/stuck",
    "api-execution-analytics": "/api/v1/analytics/executions",
    "api-metrics": "/api/v1/metrics",
    "api-credentials": "/api/v1/observability/credentials",
}
# Open to everybody, or guarded by their own tests.
ELSEWHERE = {
    "livez",
    "readyz",
    "metrics",
    "event-stream",
    "live-counts",
    "api-retention",
    "api-retention-dry-run",
    "api-retention-runs",
    "push-traces",
    "push-errors",
    "home",
    "sign-in",
    "sign-out",
    "set-theme",
    "api-schema",
    "api-docs",
    "admin",
}


def named_patterns(resolver=None, inside=""):
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLResolver):
            yield from named_patterns(entry, entry.namespace or inside)
        elif isinstance(entry, URLPattern):
            yield "admin" if inside == "admin" else entry.name


@pytest.fixture
def theirs():
    """A tenant with an owner, an environment, an execution and a view of everybody."""
    with operator_scope():
        membership = MembershipFactory(role=Role.OWNER)
        environment = EnvironmentFactory(tenant=membership.tenant)
        execution = ExecutionFactory(tenant=membership.tenant, environment_id=environment.pk)
        ErrorGroupFactory(tenant=membership.tenant)
        ErrorRuleFactory(tenant=membership.tenant)
        view = SavedView.objects.create(
            tenant=membership.tenant, owner=membership.user, name="Theirs", is_shared=True
        )
    return membership, environment, execution, view


def pk_for(name, membership, environment, execution):
    if name == "revoke-token":
        with operator_scope():
            return create_token(tenant=membership.tenant, name="t", role=Role.VIEWER)[0].pk
    if name in ("error", "act-on-error"):
        with operator_scope():
            return ErrorGroup.objects.for_tenant(membership.tenant).get().pk
    if name.endswith("error-rule"):
        with operator_scope():
            return ErrorRule.objects.for_tenant(membership.tenant).get().pk
    of_others = {
        "detail": execution.pk,
        "data": execution.pk,
        "api-execution-detail": execution.pk,
        "api-execution-nodes": execution.pk,
        "change-member": membership.pk,
        "remove-member": membership.pk,
    }
    return of_others.get(name, environment.pk)


def address_of(name, theirs):
    membership, environment, execution, view = theirs
    if name.startswith("api-error-"):
        return error_address(name, membership.tenant)
    pk = view.pk if name.endswith("-view") else pk_for(name, membership, environment, execution)
    for entry in get_resolver().url_patterns:
        if getattr(entry, "namespace", None) not in LAYERS:
            continue
        for pattern in entry.url_patterns:
            if pattern.name == name:
                tail = str(pattern.pattern).replace("<uuid:pk>", str(pk))
                tail = tail.replace("<uuid:environment_id>", str(environment.pk))
                tail = tail.replace("<path:workflow_id>", execution.workflow_id)
                return f"/t/{membership.tenant.slug}/{tail}"
    return api_address(name, pk)


def error_address(name, tenant):
    what, model = ("error-rule", ErrorRule) if "-rule-" in name else ("error", ErrorGroup)
    action = name.removeprefix(f"api-{what}-")
    with operator_scope():
        pk = model.objects.for_tenant(tenant).get().pk
    tails = {"list": "", "detail": f"/{pk}", "preview": "/preview"}
    return f"/api/v1/observability/{what}s{tails.get(action, f'/{pk}/{action}')}"


def api_address(name, pk):
    what = "executions" if "execution" in name.removeprefix("api-") else "environments"
    tails = {"list": "", "detail": f"/{pk}", "test": "/test", "export": "/export"}
    action = name.rpartition(f"{what[:-1]}-")[2]
    return f"/api/v1/{what}{tails.get(action, f'/{pk}/{action}')}"


def test_no_address_is_forgotten():
    known = set(TENANT_PAGES) | set(API) | set(NUMBERS) | ELSEWHERE

    assert set(named_patterns()) == known


@pytest.mark.parametrize("name", [*TENANT_PAGES, *API])
def test_a_member_is_served(client, theirs, name):
    method, expected = (TENANT_PAGES | API)[name]
    client.force_login(theirs[0].user)

    answer = getattr(client, method)(address_of(name, theirs))

    assert answer.status_code == expected


@pytest.mark.parametrize("name", TENANT_PAGES)
def test_a_page_of_another_tenant_does_not_exist(client, theirs, name):
    with operator_scope():
        outsider = MembershipFactory(role=Role.OWNER)
    client.force_login(outsider.user)

    answer = getattr(client, TENANT_PAGES[name][0])(address_of(name, theirs))

    assert answer.status_code == 404


@pytest.mark.parametrize(
    "name",
    [
        n
        for n in TENANT_PAGES
        if n
        in (
            "workflow",
            "error",
            "act-on-error",
            "error-rule",
            "move-error-rule",
            "remove-error-rule",
            "detail",
            "data",
            "change-view",
            "default-view",
            "delete-view",
            "environment",
            "edit-environment",
            "sync-now",
            "pause",
            "release",
            "remove",
            "issue-push-token",
            "revoke-push-token",
            "change-member",
            "remove-member",
            "revoke-token",
        )
    ],
)
def test_another_tenants_row_does_not_exist_below_the_own_tenant(client, theirs, name):
    with operator_scope():
        outsider = MembershipFactory(role=Role.OWNER)
    client.force_login(outsider.user)
    foreign = address_of(name, theirs).replace(theirs[0].tenant.slug, outsider.tenant.slug, 1)

    answer = getattr(client, TENANT_PAGES[name][0])(foreign)

    assert answer.status_code == 404


@pytest.mark.parametrize(
    "name", [n for n in API if not n.endswith(("list", "-test", "-preview", "-export"))]
)
def test_another_tenants_row_does_not_exist_in_the_api(client, theirs, name):
    with operator_scope():
        outsider = MembershipFactory(role=Role.OWNER)
    client.force_login(outsider.user)

    answer = getattr(client, API[name][0])(address_of(name, theirs))

    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize("name", [n for n in API if n.endswith("-list")])
def test_a_list_of_the_api_holds_no_row_of_another_tenant(client, theirs, name):
    with operator_scope():
        outsider = MembershipFactory(role=Role.OWNER)
    client.force_login(outsider.user)

    assert client.get(address_of(name, theirs)).json()["results"] == []


@pytest.mark.parametrize("name", ["export", "api-execution-export"])
def test_a_file_holds_no_row_of_another_tenant(client, theirs, name):
    with operator_scope():
        outsider = MembershipFactory(role=Role.OWNER)
    client.force_login(outsider.user)
    own = address_of(name, theirs).replace(theirs[0].tenant.slug, outsider.tenant.slug, 1)

    file = b"".join(client.get(own).streaming_content)

    assert file.decode().splitlines()[1:] == []


@pytest.mark.parametrize("name", TENANT_PAGES)
def test_nobody_is_sent_to_sign_in(client, theirs, name):
    answer = getattr(client, TENANT_PAGES[name][0])(address_of(name, theirs))

    assert answer.status_code == 302
    assert answer.url.startswith("/sign-in?next=")


@pytest.mark.parametrize("name", API)
def test_nobody_is_refused_by_the_api(client, theirs, name):
    answer = getattr(client, API[name][0])(address_of(name, theirs))

    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("address", NUMBERS.values(), ids=NUMBERS)
def test_numbers_are_for_members_and_name_nobody_elses(client, theirs, address):
    assert client.get(address).status_code == 401

    client.force_login(theirs[0].user)
    assert client.get(address).status_code == 200
    with operator_scope():
        client.force_login(MembershipFactory().user)

    answer = client.get(address)
    foreign = client.get(address, {"environment": str(theirs[1].pk)})

    assert answer.status_code == 200
    assert str(theirs[1].pk) not in answer.content.decode()
    assert theirs[1].name not in answer.content.decode()
    assert foreign.status_code == 400


@pytest.mark.parametrize(
    ("role", "name", "expected"),
    [
        (Role.VIEWER, "sync-now", 403),
        (Role.OPERATOR, "sync-now", 302),
        (Role.OPERATOR, "connect", 403),
        (Role.OPERATOR, "pause", 403),
        (Role.OPERATOR, "remove", 403),
        (Role.OPERATOR, "issue-push-token", 403),
        (Role.OPERATOR, "revoke-push-token", 403),
        (Role.OPERATOR, "api-environment-push-token", 403),
        (Role.ADMIN, "remove", 200),
        (Role.VIEWER, "error", 200),
        (Role.VIEWER, "act-on-error", 403),
        (Role.VIEWER, "act-on-errors", 403),
        (Role.OPERATOR, "act-on-errors", 302),
        (Role.VIEWER, "error-rules", 200),
        (Role.VIEWER, "error-rule", 403),
        (Role.VIEWER, "move-error-rule", 403),
        (Role.VIEWER, "remove-error-rule", 403),
        (Role.VIEWER, "api-error-rule-move", 403),
        (Role.OPERATOR, "remove-error-rule", 200),
        (Role.VIEWER, "members", 200),
        (Role.OPERATOR, "tokens", 403),
        (Role.OPERATOR, "audit", 403),
        (Role.OPERATOR, "change-member", 403),
        (Role.OPERATOR, "remove-member", 403),
        (Role.OPERATOR, "revoke-token", 403),
        (Role.ADMIN, "revoke-token", 302),
        (Role.VIEWER, "api-environment-sync", 403),
        (Role.OPERATOR, "api-environment-sync", 202),
        (Role.VIEWER, "api-error-reopen", 403),
        (Role.OPERATOR, "api-error-reopen", 409),
        (Role.VIEWER, "api-error-rule-preview", 403),
    ],
)
def test_a_role_that_is_too_low_is_told_so(client, theirs, role, name, expected):
    membership = theirs[0]
    with operator_scope():
        member = MembershipFactory(tenant=membership.tenant, role=role)
    client.force_login(member.user)

    answer = getattr(client, (TENANT_PAGES | API)[name][0])(address_of(name, theirs))

    assert answer.status_code == expected


def test_a_person_without_a_tenant_is_told_what_to_do(client):
    client.force_login(UserFactory())

    assert "You are in no tenant yet" in client.get("/").content.decode()


def test_the_admin_is_for_superusers_only(client, theirs):
    staff = UserFactory(is_staff=True)
    client.force_login(staff)

    assert client.get("/admin/").status_code == 302


def test_an_id_that_nobody_has_does_not_exist(client, theirs):
    client.force_login(theirs[0].user)

    assert client.get(f"/api/v1/executions/{uuid.uuid4()}").status_code == 404
