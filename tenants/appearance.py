"""Light, dark, or as the system is: kept in a cookie, so that the first byte is right."""

from django.http import HttpRequest, HttpResponse

COOKIE = "theme"
THEMES = ("system", "light", "dark")
KEPT_SECONDS = 365 * 24 * 3600


def theme_of(request: HttpRequest) -> str:
    """The theme that the browser asked for, or the system's."""
    chosen = request.COOKIES.get(COOKIE, "")
    return chosen if chosen in THEMES else THEMES[0]


def keep_theme(response: HttpResponse, theme: str, *, is_secure: bool) -> None:
    response.set_cookie(COOKIE, theme, max_age=KEPT_SECONDS, samesite="Lax", secure=is_secure)


def appearance(request: HttpRequest) -> dict[str, object]:
    """Context processor: what base.html needs to know of the looks."""
    return {"theme": theme_of(request), "themes": THEMES}
