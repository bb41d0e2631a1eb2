"""Views of the list that people keep: their own, shared ones, and the one it opens with."""

import pytest

from executions.models import SavedView
from executions.saved.keeping import MOST_OF_A_PERSON
from tenants.models import AuditEntry, Role
from tenants.scope import operator_scope, tenant_scope
from tenants.tests.factories import MembershipFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def membership():
    with operator_scope():
        return MembershipFactory(role=Role.OPERATOR)


@pytest.fixture
def tenant(membership):
    return membership.tenant


@pytest.fixture
def top(client, membership):
    client.force_login(membership.user)
    return f"/t/{membership.tenant.slug}/executions"


def save(client, top, name="Failed", address="query=status%3Aerror", **more):
    return client.post(f"{top}/views/save", {"name": name, "address": address, **more})


def settings_of(client, top):
    answer = client.get(f"{top.removesuffix('executions')}settings/views")
    assert answer.status_code == 200
    return answer.content.decode()


def views(tenant):
    with tenant_scope(tenant.pk):
        return list(SavedView.objects.for_tenant(tenant))


def audit(tenant):
    with tenant_scope(tenant.pk):
        return [entry.action for entry in AuditEntry.objects.for_tenant(tenant).order_by("at")]


def colleague(client, tenant, role):
    with operator_scope():
        other = MembershipFactory(tenant=tenant, role=role)
    client.force_login(other.user)
    return other


def test_a_saved_view_is_a_tab_that_leads_to_its_search(client, tenant, top):
    answer = save(client, top, address="query=status%3Aerror&column=id&cursor=x&view=all")

    assert answer.url == f"{top}?query=status%3Aerror&column=id"
    text = client.get(answer.url).content.decode()
    assert f'href="{top}?query=status%3Aerror&amp;column=id" aria-current="page"' in text
    assert audit(tenant) == []


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"name": ""}, "A view needs a name of 1 to 80 characters"),
        ({"name": "x" * 81}, "A view needs a name"),
        ({"address": "query=colour%3Ared"}, "This search cannot be saved: “colour:”"),
        ({"address": "q=" + "x" * 2000}, "longer than 2000 characters"),
    ],
)
def test_a_view_that_cannot_be_kept_is_refused_in_a_sentence(client, tenant, top, form, sentence):
    answer = save(client, top, **form)

    assert sentence in client.get(f"{top}?view=all").content.decode()
    assert (answer.status_code, views(tenant)) == (302, [])


def test_two_views_of_a_person_have_two_names(client, tenant, top):
    save(client, top)
    save(client, top)

    assert "“Failed” is the name of another view" in client.get(f"{top}?view=all").content.decode()
    assert len(views(tenant)) == 1


def test_a_person_keeps_only_so_many(client, membership, tenant, top):
    with tenant_scope(tenant.pk):
        for number in range(MOST_OF_A_PERSON):
            SavedView.objects.create(tenant=tenant, owner=membership.user, name=f"{number}")

    save(client, top)

    assert len(views(tenant)) == MOST_OF_A_PERSON


def test_the_list_opens_with_the_view_that_was_chosen(client, tenant, top):
    save(client, top)
    (view,) = views(tenant)

    client.post(f"{top}/views/{view.pk}/default", {"is_default": "1"})

    assert client.get(top).url == f"{top}?query=status%3Aerror"
    assert client.get(f"{top}?view=all").status_code == 200
    client.post(f"{top}/views/{view.pk}/default", {"is_default": "0"})
    assert client.get(top).status_code == 200


def test_views_are_a_part_of_the_settings_where_they_are_renamed_and_shared(client, tenant, top):
    assert "No view is saved yet" in settings_of(client, top)
    save(client, top)
    (view,) = views(tenant)

    answer = client.post(
        f"{top}/views/{view.pk}", {"name": "Broken", "is_shared": "1"}, follow=True
    )

    page = answer.content.decode()
    assert 'aria-current="page">Saved views' in page
    assert "<bdi>Broken</bdi>" in page
    assert '<span class="tag">shared</span>' in page


def test_a_private_view_does_not_exist_for_others(client, tenant, top):
    save(client, top)
    (view,) = views(tenant)
    colleague(client, tenant, Role.OWNER)

    assert "<bdi>Failed</bdi>" not in settings_of(client, top)
    for action in ("", "/default", "/delete"):
        assert client.post(f"{top}/views/{view.pk}{action}", {"name": "Mine"}).status_code == 404


def test_a_shared_view_is_seen_by_all_and_changed_by_admins(client, tenant, top):
    save(client, top, is_shared="1")
    (view,) = views(tenant)
    colleague(client, tenant, Role.OPERATOR)

    assert "Failed" in client.get(f"{top}?view=all").content.decode()
    assert client.post(f"{top}/views/{view.pk}", {"name": "Mine"}).status_code == 403
    assert client.post(f"{top}/views/{view.pk}/delete").status_code == 403
    colleague(client, tenant, Role.ADMIN)
    assert client.post(f"{top}/views/{view.pk}", {"name": "Ours", "is_shared": "1"}).url
    assert client.post(f"{top}/views/{view.pk}/delete").url
    assert (views(tenant), audit(tenant)) == ([], ["shared view", "changed view", "deleted view"])


def test_a_view_that_is_taken_back_opens_for_nobody_else(client, membership, tenant, top):
    save(client, top, is_shared="1")
    (view,) = views(tenant)
    colleague(client, tenant, Role.VIEWER)
    client.post(f"{top}/views/{view.pk}/default", {"is_default": "1"})
    assert client.get(top).status_code == 302
    other = client.session["_auth_user_id"]

    client.force_login(membership.user)
    client.post(f"{top}/views/{view.pk}", {"name": "Failed"})

    client.force_login(type(membership.user).objects.get(pk=other))
    assert client.get(top).status_code == 200


def test_a_viewer_keeps_views_but_shares_none(client, tenant, top):
    colleague(client, tenant, Role.VIEWER)

    assert save(client, top, is_shared="1").status_code == 403
    assert save(client, top).status_code == 302
    assert "Everybody in this tenant" not in client.get(f"{top}?q=x").content.decode()
