"""The viewer's own account over real HTTP: name, password and sessions."""

import re

import httpx
import pytest

from tests.app_server import DEADLINE, PASSWORD, AppServer, Person

NEW = "a much better password"


async def sign_in(app_server: AppServer, email: str, password: str) -> int:
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as client:
        return (await client.post("/login", data={"email": email, "password": password})).status_code


async def test_the_page_says_who_and_where_one_is(app_server: AppServer, voice: Person) -> None:
    async with app_server.browser_of(voice) as here, app_server.browser_of(voice) as there:
        there.headers["user-agent"] = "curl"
        page = (await here.get("/account")).text
    assert f'value="{voice.name}"' in page
    assert voice.email in page
    assert voice.username in page
    assert page.count(">this browser<") == 1
    assert page.count('action="/account/sessions/') == 3  # two browsers, and everywhere


async def test_a_new_name_is_everywhere_at_once(app_server: AppServer, voice: Person) -> None:
    async with app_server.browser_of(voice) as browser:
        answer = await browser.post("/account/name", data={"name": "  Ana   Lima "})
        assert (answer.status_code, answer.headers["location"]) == (303, "/account?said=name")
        page = (await browser.get(answer.headers["location"])).text
    assert "Your name was changed." in page
    assert "<b>Ana Lima</b>" in page
    async with app_server.database() as owner:
        assert await owner.fetchval("select name from users where id = $1", voice.id) == "Ana Lima"


@pytest.mark.parametrize("name", ["", "   ", "x" * 256, "a\x07b"])
async def test_what_is_no_name_comes_back_with_a_sentence(
    app_server: AppServer, voice: Person, name: str
) -> None:
    async with app_server.browser_of(voice) as browser:
        page = await browser.post("/account/name", data={"name": name})
        assert (page.status_code, "<html" in page.text) == (422, True)
        assert "A name has 1 to 255 characters." in page.text
        fragment = await browser.post("/account/name", data={"name": name}, headers={"HX-Request": "true"})
        assert (fragment.status_code, fragment.text.lstrip()[:17]) == (422, '<div id="account"')


async def test_a_new_password_keeps_this_browser_and_ends_all_others(
    app_server: AppServer, voice: Person
) -> None:
    async with app_server.browser_of(voice) as here, app_server.browser_of(voice) as there:
        before = here.cookies[app_server.cookie]
        answer = await here.post("/account/password", data={"current": PASSWORD, "new": NEW})
        assert (answer.status_code, answer.headers["location"]) == (303, "/account?said=password")
        assert here.cookies[app_server.cookie] != before
        assert "Your password was changed." in (await here.get("/account?said=password")).text
        assert (await there.get("/account")).headers["location"].startswith("/login")
        stolen = httpx.Cookies({app_server.cookie: before})
        async with httpx.AsyncClient(base_url=app_server.url, cookies=stolen, timeout=DEADLINE) as thief:
            assert (await thief.get("/account")).headers["location"].startswith("/login")
    assert await sign_in(app_server, voice.email, PASSWORD) == 401
    assert await sign_in(app_server, voice.email, NEW) == 303


@pytest.mark.parametrize(
    ("current", "new", "sentence"),
    [
        ("wrong", NEW, "The current password is wrong."),
        ("", NEW, "Please enter your current password."),
        (PASSWORD, "short", "A password has at least 6 characters."),
        (PASSWORD, PASSWORD, "New password should be different from the old password."),
        (PASSWORD, "x" * 73, "A password has at most 72 characters"),
    ],
)
async def test_a_refused_password_says_why_and_changes_nothing(
    app_server: AppServer, voice: Person, current: str, new: str, sentence: str
) -> None:
    async with app_server.browser_of(voice) as browser:
        answer = await browser.post("/account/password", data={"current": current, "new": new})
        assert answer.status_code == 422
        assert sentence in answer.text
        assert not re.search(r'<input[^>]*type="password"[^>]*value=', answer.text)
        assert (await browser.get("/account")).status_code == 200
    assert await sign_in(app_server, voice.email, PASSWORD) == 303


async def test_another_browser_is_signed_out_from_here(app_server: AppServer, voice: Person) -> None:
    async with app_server.browser_of(voice) as there, app_server.browser_of(voice) as here:
        page = (await here.get("/account")).text
        ids = re.findall(r'<li>.*?action="/account/sessions/([0-9a-f-]{36})/end".*?</li>', page, re.DOTALL)
        own = re.search(r">this browser<.*?/account/sessions/([0-9a-f-]{36})/end", page, re.DOTALL)
        assert own is not None
        (other,) = set(ids) - {own[1]}
        answer = await here.post(f"/account/sessions/{other}/end")
        assert answer.headers["location"] == "/account?said=session"
        assert (await there.get("/account")).status_code == 303
        assert (await here.post(f"/account/sessions/{other}/end")).status_code == 404  # a double click
        answer = await here.post(f"/account/sessions/{own[1]}/end")
        assert answer.headers["location"] == "/login"
        assert (await here.get("/account")).status_code == 303


async def test_nobody_ends_anothers_session(app_server: AppServer, voice: Person, chat: Person) -> None:
    async with app_server.browser_of(voice) as mine, app_server.browser_of(chat) as theirs:
        found = re.search(r"/account/sessions/([0-9a-f-]{36})/end", (await theirs.get("/account")).text)
        assert found is not None
        for path in (found[1], "not-an-id", "00000000-0000-4000-8000-000000000000"):
            assert (await mine.post(f"/account/sessions/{path}/end")).status_code == 404
        assert (await theirs.get("/account")).status_code == 200


async def test_everywhere_is_everywhere(app_server: AppServer, voice: Person) -> None:
    async with app_server.browser_of(voice) as here, app_server.browser_of(voice) as there:
        answer = await here.post("/account/sessions/end")
        assert answer.headers["location"] == "/login"
        assert (await here.get("/account")).status_code == 303
        assert (await there.get("/account")).status_code == 303


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/account"),
        ("POST", "/account/name"),
        ("POST", "/account/password"),
        ("POST", "/account/sessions/end"),
    ],
)
async def test_a_person_who_is_signed_out_is_sent_to_the_sign_in_page(
    app_server: AppServer, method: str, path: str
) -> None:
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as outsider:
        answer = await outsider.request(method, path, data={"name": "x"} if method == "POST" else None)
    assert answer.status_code == 303
    assert answer.headers["location"].partition("?")[0] == "/login"
