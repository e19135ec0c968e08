"""Signing in and out as browsers do it."""

import asyncio
import re
from typing import Literal

import httpx
import pytest

from server.auth import REFUSED, digest
from tests.conftest import until
from tests.site import PASSWORD, Person, Site


async def sign_in(site: Site, email: str, password: str = PASSWORD) -> httpx.Response:
    async with httpx.AsyncClient(base_url=site.url) as client:
        return await client.post("/login", data={"email": email, "password": password})


async def a_login_without_profile(site: Site, person: Person) -> None:
    """Somebody whom Auth knows and Floorwalker does not: their row never came to be."""
    async with site.database() as owner:
        await owner.execute("delete from agent_keys where agent_id = $1", person.agents[0].id)
        await owner.execute("delete from agents where id = $1", person.agents[0].id)
        await owner.execute("delete from users where id = $1", person.id)


@pytest.mark.parametrize(
    ("role", "region"), [("voice", "agents"), ("chat", "agents"), ("admin", "interactions")]
)
async def test_signing_in_leads_to_the_page_of_ones_role(
    site: Site, role: Literal["voice", "chat", "admin"], region: str
) -> None:
    person = await site.hire(role)
    answer = await sign_in(site, person.email.upper())
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    async with site.browser_of(person) as browser:
        page = await browser.get("/")
        assert f'id="{region}"' in page.text
        assert person.name in page.text
        assert (await browser.get("/login")).headers["location"] == "/"


async def test_every_reason_for_no_looks_the_same(site: Site, voice: Person) -> None:
    unknown, deactivated, banned = [await site.hire("voice") for _ in range(3)]
    await a_login_without_profile(site, unknown)
    async with site.database() as owner:
        await owner.execute("update users set deactivated_at = now() where id = $1", deactivated.id)
        await owner.execute(
            "update auth.users set banned_until = now() + interval '1 day' where id = $1", banned.id
        )
    pages = set()
    for email, password in (
        (voice.email, "wrong"),
        ("nobody@example.com", PASSWORD),
        (unknown.email, PASSWORD),
        (deactivated.email, PASSWORD),
        (banned.email, PASSWORD),
        ("not an address", "x"),
        (voice.email, PASSWORD + "\x00"),
    ):
        answer = await sign_in(site, email, password)
        assert answer.status_code == 401, email
        assert "set-cookie" not in answer.headers
        pages.add(re.sub(r'(value|data-now)="[^"]*"', "", answer.text))
    assert len(pages) == 1
    assert REFUSED in pages.pop()


@pytest.mark.parametrize(
    "fields", [{"email": "a@example.com"}, {"password": "x"}, {"email": "e" * 256, "password": "x"}, {"email": "a@example.com", "password": "p" * 1001}]
)  # fmt: skip
async def test_half_a_form_is_422_with_the_page(site: Site, fields: dict[str, str]) -> None:
    async with httpx.AsyncClient(base_url=site.url) as client:
        answer = await client.post("/login", data=fields)
        assert answer.status_code == 422
        assert "<form" in answer.text
        assert (await client.post("/login", json=fields)).status_code == 422


async def test_what_is_typed_comes_back_escaped(site: Site) -> None:
    answer = await sign_in(site, '"><script>alert(1)</script>', "x")
    assert "<script>alert" not in answer.text


async def test_the_cookie_is_for_this_host_and_no_script(site: Site, voice: Person) -> None:
    cookie = (await sign_in(site, voice.email)).headers["set-cookie"]
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert parts == {"httponly", "path=/", "samesite=lax"}  # loopback over http; elsewhere Secure and __Host-
    value = cookie.split(";")[0].partition("=")[2]
    assert len(value) >= 43
    async with site.database() as owner:
        row = await owner.fetchrow("select * from private.web_sessions where token_hash = $1", digest(value))
    assert row is not None
    assert row["user_id"] == voice.id
    assert b"eyJ" not in row["access_token"]


async def test_signing_out_ends_the_session_and_not_only_the_cookie(site: Site, voice: Person) -> None:
    async with site.browser_of(voice) as browser, site.browser_of(voice) as other:
        kept = browser.cookies[site.cookie]
        answer = await browser.post("/logout")
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        assert site.cookie not in browser.cookies
        old = await browser.get("/", headers={"Cookie": f"{site.cookie}={kept}"})
        assert old.headers["location"] == "/login"
        assert (await other.get("/")).status_code == 200
        assert (await browser.post("/logout")).status_code == 303


async def test_a_new_sign_in_has_a_new_id_and_ends_the_old_one(site: Site, voice: Person) -> None:
    async with site.browser_of(voice) as browser:
        before = browser.cookies[site.cookie]
        await browser.post("/login", data={"email": voice.email, "password": PASSWORD})
        assert browser.cookies[site.cookie] != before
    async with httpx.AsyncClient(base_url=site.url, cookies={site.cookie: before}) as old:
        assert (await old.get("/")).status_code == 303


@pytest.mark.parametrize("cookie", ["", "x", "a" * 43, "é" * 10, "x" * 5000, "' or 1=1 --"])
async def test_a_made_up_cookie_is_nobody(site: Site, cookie: str) -> None:
    async with httpx.AsyncClient(base_url=site.url) as client:
        answer = await client.get("/", headers={b"Cookie": f"{site.cookie}={cookie}".encode()})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


async def test_a_signed_out_fragment_is_sent_to_the_sign_in_page(site: Site) -> None:
    async with httpx.AsyncClient(base_url=site.url) as client:
        answer = await client.get("/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (204, "/login")


async def test_whoever_is_deactivated_is_out_at_once(site: Site, voice: Person) -> None:
    async with site.browser_of(voice) as browser:
        assert (await browser.get("/")).status_code == 200
        async with site.database() as owner:
            await owner.execute("update users set deactivated_at = now() where id = $1", voice.id)
        assert (await browser.get("/")).status_code == 303


async def refreshes(site: Site, person: Person) -> int:
    async with site.database("supabase_auth_admin") as auth:
        return int(
            await auth.fetchval("select count(*) from auth.refresh_tokens where user_id = $1", str(person.id))
        )


async def test_an_expired_token_is_renewed_once_however_many_ask(site: Site, voice: Person) -> None:
    async with site.browser_of(voice) as browser:
        for age in ("30 seconds", "-1 hour"):
            before = await refreshes(site, voice)
            async with site.database() as owner:
                await owner.execute(
                    "update private.web_sessions set expires_at = now() + $2::text::interval where user_id = $1",
                    voice.id,
                    age,
                )
            answers = await asyncio.gather(*(browser.get("/") for _ in range(20)))
            assert [answer.status_code for answer in answers] == [200] * 20
            assert await refreshes(site, voice) - before == 1
        async with site.database() as owner:
            assert await owner.fetchval(
                "select expires_at > now() + interval '5 minutes' from private.web_sessions where user_id = $1",
                voice.id,
            )


async def test_a_session_that_auth_ended_is_over_at_the_next_renewal(site: Site, voice: Person) -> None:
    async with site.browser_of(voice) as browser:
        async with site.database("supabase_auth_admin") as auth:
            await auth.execute("delete from auth.sessions where user_id = $1", voice.id)
        async with site.database() as owner:
            await owner.execute(
                "update private.web_sessions set expires_at = now() where user_id = $1", voice.id
            )
        answers = await asyncio.gather(*(browser.get("/") for _ in range(5)))
        assert {answer.status_code for answer in answers} == {303}

        async def gone() -> bool:
            async with site.database() as owner:
                return not await owner.fetchval(
                    "select count(*) from private.web_sessions where user_id = $1", voice.id
                )

        await until(gone)
