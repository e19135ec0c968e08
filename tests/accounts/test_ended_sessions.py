"""A session that ended is announced, and the person returns to where they were."""

import pytest

from tests.app_server import AppServer, Person

ENDED = "Your session has ended. Please sign in again."


async def end(app_server: AppServer, person: Person) -> None:
    async with app_server.database() as owner:
        await owner.execute("delete from private.web_sessions where user_id = $1", person.id)


@pytest.mark.parametrize(
    ("method", "path", "headers", "back"),
    [
        ("GET", "/leaderboard?month=2026-01", {}, "/leaderboard?month=2026-01"),
        ("POST", "/account/name", {"Referer": "{url}/account"}, "/account"),
        ("POST", "/account/name", {"HX-Request": "true", "HX-Current-URL": "{url}/account"}, "/account"),
        ("POST", "/account/name", {"Referer": "https://evil.example/account"}, "/account"),
        ("POST", "/account/name", {"Referer": "{url}//evil.example"}, "/"),
        ("POST", "/account/name", {}, "/"),
    ],
)
async def test_the_sign_in_page_says_so_and_leads_back(
    app_server: AppServer, voice: Person, method: str, path: str, headers: dict[str, str], back: str
) -> None:
    async with app_server.browser_of(voice) as browser:
        await end(app_server, voice)
        given = {name: value.format(url=app_server.url) for name, value in headers.items()}
        answer = await browser.request(
            method, path, headers=given, data={"name": "Another"} if method == "POST" else None
        )
        assert answer.status_code == (204 if "HX-Request" in given else 303)
        page = await browser.get(answer.headers["hx-redirect" if "HX-Request" in given else "location"])
        assert ENDED in page.text
        assert (f'name="next" value="{back}"' in page.text) == (back != "/")


async def test_who_was_not_signed_in_has_no_session_that_ended(app_server: AppServer) -> None:
    async with app_server.browser_of(None) as browser:
        answer = await browser.get("/account")
        assert answer.headers["location"] == "/login?next=%2Faccount"
        assert ENDED not in (await browser.get(answer.headers["location"])).text
