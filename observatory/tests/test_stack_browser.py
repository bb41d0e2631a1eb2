from playwright.sync_api import Page


def test_the_machines_browser_shows_a_page(page: Page) -> None:
    page.goto("data:text/html,<h1>Observatory</h1>")

    assert page.inner_text("h1") == "Observatory"
