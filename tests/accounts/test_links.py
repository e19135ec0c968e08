"""Forgotten passwords and invitations over real HTTP: from the e-mail to the first page."""

import httpx
import pytest

from tests.app_server import DEADLINE, PASSWORD, AppServer, Person
from tests.conftest import until
from tests.outbox import emails, path_in

NEW = "something else entirely"


async def ask(app_server: AppServer, email: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as client:
        return await client.post("/recovery", data={"email": email})


async def link(app_server: AppServer, person: Person) -> tuple[str, str]:
    """The path and the token of the newest e-mail to somebody who asked for one."""
    assert (await ask(app_server, person.email)).status_code == 200
    await until(lambda: bool(emails(app_server, person.email)))
    path, _, token = path_in(emails(app_server, person.email)[-1]).partition("?token_hash=")
    return path, token


async def test_a_forgotten_password_is_chosen_anew_by_the_link_of_the_email(
    app_server: AppServer, voice: Person
) -> None:
    async with app_server.browser_of(voice) as before:
        path, token = await link(app_server, voice)
        assert path == "/recovery"
        async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as browser:
            page = await browser.get(f"{path}?token_hash={token}")
            assert (page.status_code, f'value="{token}"' in page.text) == (200, True)
            answer = await browser.post(path, data={"token_hash": token, "password": NEW, "again": NEW})
            assert (answer.status_code, answer.headers["location"]) == (303, "/")
            assert (await browser.get("/")).status_code == 200
        assert (await before.get("/")).status_code == 303, "the sessions of before have ended"
        async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as client:
            old = await client.post("/login", data={"email": voice.email, "password": PASSWORD})
            new = await client.post("/login", data={"email": voice.email, "password": NEW})
            again = await client.post(path, data={"token_hash": token, "password": PASSWORD})
    assert (old.status_code, new.status_code) == (401, 303)
    assert again.status_code == 404
    assert "This link has been used before or has expired." in again.text


async def test_looking_at_a_link_does_not_use_it_up(app_server: AppServer, voice: Person) -> None:
    path, token = await link(app_server, voice)
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as browser:
        for _ in range(3):  # a mail scanner, or a person who opens it again
            assert (await browser.get(f"{path}?token_hash={token}")).status_code == 200
        answer = await browser.post(path, data={"token_hash": token, "password": NEW})
    assert answer.status_code == 303


@pytest.mark.parametrize(
    ("password", "again", "sentence"),
    [
        ("short", "short", "A password has at least 6 characters."),
        (NEW, NEW + "!", "The two passwords differ."),
        ("x" * 80, "x" * 80, "A password has at most 72 characters"),
        (PASSWORD, PASSWORD, "New password should be different from the old password."),
    ],
)
async def test_a_refused_password_leaves_a_way_to_try_again(
    app_server: AppServer, voice: Person, password: str, again: str, sentence: str
) -> None:
    path, token = await link(app_server, voice)
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as browser:
        form = {"token_hash": token, "password": password, "again": again}
        answer = await browser.post(path, data=form)
        assert answer.status_code == 422
        assert sentence in answer.text
        token = answer.text.partition('name="token_hash" value="')[2].partition('"')[0]
        form = {"token_hash": token, "password": NEW, "again": NEW}
        assert (await browser.post(path, data=form)).status_code == 303


async def test_an_email_for_nobody_looks_like_one_for_somebody(app_server: AppServer, voice: Person) -> None:
    known, unknown = await ask(app_server, voice.email), await ask(app_server, "nobody@example.com")
    assert known.status_code == unknown.status_code == 200
    assert known.text.replace(voice.email, "") == unknown.text.replace("nobody@example.com", "")
    assert not emails(app_server, "nobody@example.com")


@pytest.mark.parametrize("email", ["", "no address", "x" * 300 + "@example.com"])
async def test_what_is_no_address_is_asked_for_again(app_server: AppServer, email: str) -> None:
    answer = await ask(app_server, email)
    assert answer.status_code == 422
    assert "Please enter your e-mail address." in answer.text


@pytest.mark.parametrize("path", ["/recovery", "/invitation"])
async def test_a_made_up_link_is_refused_in_words(app_server: AppServer, path: str) -> None:
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as browser:
        answer = await browser.post(path, data={"token_hash": "<b>made up", "password": NEW})
        assert (answer.status_code, "<b>made up" in answer.text) == (404, False)
        assert "This link no longer works" in answer.text
        assert (await browser.get("/invitation")).status_code == 404
