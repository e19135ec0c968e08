"""Session cookies that another server on this machine set, for all or some of our addresses."""

from http.cookiejar import Cookie

import httpx
import pytest

from tests.app_server import PASSWORD, AppServer, Person

INTERACTION = "/interactions/7f3a0e0e-6a5e-4a43-9b2a-0f5d5c3d1b11"


def cookie(app_server: AppServer, path: str) -> Cookie:
    """A cookie as a browser keeps it from another port, with this path."""
    host = httpx.URL(app_server.url).host
    return Cookie(
        0, app_server.cookie, "x", None, False, host, False, False, path, True, False, None, True, None, None, {}
    )  # fmt: skip


def shown_to(browser: httpx.AsyncClient, app_server: AppServer) -> set[str]:
    return {one.path for one in browser.cookies.jar if one.name == app_server.cookie}


@pytest.mark.parametrize(
    ("page", "path"),
    [
        (INTERACTION, INTERACTION),
        (INTERACTION, "/interactions"),
        (INTERACTION, "/interactions/"),
        ("/leaderboard", "/leaderboard"),
        ("/login", "/login"),
    ],
)
async def test_a_second_cookie_leads_to_the_sign_in_page_once_and_is_gone(
    app_server: AppServer, voice: Person, page: str, path: str
) -> None:
    async with app_server.browser_of(voice) as browser:
        browser.cookies.jar.set_cookie(cookie(app_server, path))
        shown = await browser.get(page, follow_redirects=True)  # httpx gives up after twenty
        assert (shown.status_code, shown.url.path) == (200, "/login")
        assert len(shown.history) <= 1
        assert shown_to(browser, app_server) == set()
        form = {"email": voice.email, "password": PASSWORD, "next": page}
        signed_in = await browser.post("/login", data=form, follow_redirects=True)
        assert signed_in.url.path != "/login"
        assert shown_to(browser, app_server) == {"/"}


async def test_a_stream_with_a_second_cookie_ends_and_takes_both_away(
    app_server: AppServer, voice: Person
) -> None:
    async with app_server.browser_of(voice) as browser:
        browser.cookies.jar.set_cookie(cookie(app_server, "/stream"))
        stream = await browser.get("/stream?page=floor")
        assert "event: close" in stream.text
        assert shown_to(browser, app_server) == set(), "or the page would be loaded again and again"


async def test_a_fragment_with_a_second_cookie_leads_to_the_sign_in_page(
    app_server: AppServer, voice: Person
) -> None:
    async with app_server.browser_of(voice) as browser:
        browser.cookies.jar.set_cookie(cookie(app_server, "/interactions"))
        answer = await browser.get(INTERACTION, headers={"HX-Request": "true"})
        assert answer.headers["hx-redirect"].startswith("/login")
        assert shown_to(browser, app_server) == set()


async def test_one_cookie_alone_stays_where_it_is(app_server: AppServer) -> None:
    """It may be an old one that is still in flight while another tab has the new one."""
    async with httpx.AsyncClient(base_url=app_server.url) as browser:
        browser.cookies.jar.set_cookie(cookie(app_server, "/"))
        for path in ("/", "/login", "/stream?page=floor"):
            assert "set-cookie" not in (await browser.get(path)).headers
