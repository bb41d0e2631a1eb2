from typing import Any

import pytest

from observatory.tests.pages.conftest import Visitor
from tenants.models import Membership

PASSWORD = "telescope at dawn"


@pytest.fixture
def member(membership: Membership, settings: Any) -> Membership:
    # A good hash takes long on purpose.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    membership.user.set_password(PASSWORD)
    membership.user.save()
    return membership


def sign_in(visitor: Visitor, name: str, password: str) -> None:
    visitor.page.get_by_label("Name").fill(name)
    visitor.page.get_by_label("Password").fill(password)
    visitor.follow(visitor.page.get_by_role("button", name="Sign in"))


def test_the_right_password_leads_to_the_page_that_was_asked_for(
    visitor: Visitor, member: Membership
) -> None:
    visitor.open("/t/acme/environments")
    assert visitor.path == "/sign-in?next=/t/acme/environments"

    sign_in(visitor, member.user.username, PASSWORD)

    assert visitor.path == "/t/acme/environments"


def test_a_wrong_password_keeps_the_name_and_tells_nothing(
    visitor: Visitor, member: Membership
) -> None:
    visitor.open("/sign-in")

    sign_in(visitor, member.user.username, "wrong")

    assert "Name or password is wrong." in visitor.text("[role=alert]")
    assert visitor.page.get_by_label("Name").input_value() == member.user.username
    assert visitor.page.get_by_label("Password").input_value() == ""


def test_five_wrong_passwords_close_the_account_even_for_the_right_one(
    visitor: Visitor, member: Membership
) -> None:
    visitor.expected.add(429)
    for _ in range(5):
        visitor.open("/sign-in")
        sign_in(visitor, member.user.username, "wrong")
    assert visitor.text("h1") == "Too many wrong tries"

    visitor.open("/sign-in")
    sign_in(visitor, member.user.username, PASSWORD)

    assert visitor.text("h1") == "Too many wrong tries"


def test_signing_out_ends_the_session(owner: Visitor, membership: Membership) -> None:
    owner.open("/t/acme/executions")

    owner.page.get_by_label(f"You: {membership.user.username}").click()
    owner.follow(owner.page.get_by_role("button", name="Sign out"))
    owner.open("/t/acme/executions")

    assert owner.path.startswith("/sign-in")


def test_it_works_by_keyboard_alone(visitor: Visitor, member: Membership) -> None:
    visitor.open("/sign-in")

    visitor.page.keyboard.type(member.user.username)
    visitor.page.keyboard.press("Tab")
    visitor.page.keyboard.type(PASSWORD)
    visitor.page.keyboard.press("Enter")

    visitor.page.wait_for_url("**/t/acme/**")
