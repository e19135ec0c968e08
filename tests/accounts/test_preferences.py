"""How a person sees pages: stored with the person, noted in the browser, obeyed by every page."""

import pytest

from tests.app_server import PASSWORD, AppServer

LOOK = {"zone": "Asia/Kathmandu", "clock": "12", "theme": "dark", "density": "compact"}


async def test_what_a_person_chose_is_on_every_page_and_follows_them(app_server: AppServer) -> None:
    voice, other = await app_server.hire("voice"), await app_server.hire("voice")
    async with app_server.browser_of(voice) as browser:
        saved = await browser.post("/account/look", data=LOOK)
        assert (saved.status_code, saved.headers["location"]) == (303, "/account?said=look#look")
        for path in ("/", "/account", "/leaderboard", "/nothing"):
            page = (await browser.get(path)).text
            assert 'data-own-zone="Asia/Kathmandu"' in page
            assert (
                'data-own-clock="12" data-own-density="compact" data-own-theme="dark" data-theme="dark"'
                in page
            )
        assert "<option selected>Asia/Kathmandu</option>" in (await browser.get("/account")).text
    async with app_server.browser_of(None) as elsewhere:
        signed_in = await elsewhere.post("/login", data={"email": voice.email, "password": PASSWORD})
        assert signed_in.status_code == 303
        assert 'data-own-zone="Asia/Kathmandu"' in (await elsewhere.get("/")).text
        # Another person at the same browser sees pages in their own way.
        await elsewhere.post("/login", data={"email": other.email, "password": PASSWORD})
        page = (await elsewhere.get("/")).text
        assert "Kathmandu" not in page
        assert 'data-own-clock="24"' in page
        assert ' data-theme="' not in page


async def test_the_button_of_a_page_keeps_the_theme_and_nothing_else_changes(app_server: AppServer) -> None:
    voice = await app_server.hire("voice")
    async with app_server.browser_of(voice) as browser, app_server.database() as owner:
        await browser.post("/account/look", data=LOOK)
        assert (await browser.post("/account/theme", data={"theme": "light"})).status_code == 204
        row = await owner.fetchrow("select theme, clock, zone from preferences where user_id = $1", voice.id)
        assert row is not None
        assert tuple(row) == ("light", "12", "Asia/Kathmandu")
        assert (await browser.post("/account/theme", data={"theme": "pink"})).status_code == 422


@pytest.mark.parametrize(
    "wrong",
    [
        {"zone": "Europe/Atlantis"},
        {"zone": "x" * 5000},
        {"clock": "13"},
        {"theme": "pink"},
        {"density": ""},
    ],
)
async def test_unknown_choices_are_refused_and_change_nothing(
    app_server: AppServer, wrong: dict[str, str]
) -> None:
    voice = await app_server.hire("voice")
    async with app_server.browser_of(voice) as browser, app_server.database() as owner:
        assert (await browser.post("/account/look", data=LOOK | wrong)).status_code == 422
        assert not await owner.fetchval("select count(*) from preferences where user_id = $1", voice.id)


async def test_cookies_that_anybody_may_send_put_nothing_into_a_page(app_server: AppServer) -> None:
    async with app_server.browser_of(None) as visitor:
        for name in ("own-zone", "clock", "theme", "density"):
            visitor.cookies.set(name, 'x"><script>alert(1)</script>')
        page = (await visitor.get("/login")).text
    assert "alert(1)" not in page
    assert 'data-own-clock="24"' in page
