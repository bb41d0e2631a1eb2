import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


def test_the_chosen_theme_is_in_the_first_byte_of_the_next_page(client: Client) -> None:
    answer = client.post("/theme", {"theme": "dark", "next": "/sign-in"})

    assert (answer.status_code, answer["Location"]) == (302, "/sign-in")
    assert '<html lang="en" data-theme="dark">' in client.get("/sign-in").content.decode()


def test_the_system_decides_until_somebody_chooses(client: Client) -> None:
    client.cookies["theme"] = "<script>"

    assert '<html lang="en">' in client.get("/sign-in").content.decode()


def test_a_refusal_wears_the_theme_too(client: Client) -> None:
    client.cookies["theme"] = "light"

    assert 'data-theme="light"' in client.get("/no/such/page").content.decode()


def test_it_leads_to_no_other_host(client: Client) -> None:
    answer = client.post("/theme", {"theme": "dark", "next": "https://elsewhere.example/"})

    assert answer["Location"] == "/"


def test_an_unknown_theme_is_refused(client: Client) -> None:
    answer = client.post("/theme", {"theme": "pink"})

    assert answer.status_code == 400
    assert "theme" not in answer.cookies
