"""Sign-in and sign-out over HTTP, as browsers do it."""

import asyncio
import html
import re
from typing import Literal
from uuid import uuid4

import httpx
import pytest

from server.kernel.auth import digest
from server.kernel.auth.supabase import REFUSED
from tests.app_server import DEADLINE, PASSWORD, AppServer, Person
from tests.auth_process import age, hosted
from tests.conftest import a_folder, free_port, serving, until


async def sign_in(app_server: AppServer, email: str, password: str = PASSWORD) -> httpx.Response:
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as client:
        return await client.post("/login", data={"email": email, "password": password})


async def a_login_without_profile(app_server: AppServer, person: Person) -> None:
    """A person whom Auth knows without a row here."""
    async with app_server.database() as owner:
        await owner.execute("delete from agent_keys where agent_id = $1", person.agents[0].id)
        await owner.execute("delete from agents where id = $1", person.agents[0].id)
        await owner.execute("delete from users where id = $1", person.id)


@pytest.mark.parametrize(
    ("role", "region"), [("voice", "agents"), ("chat", "agents"), ("admin", "interactions")]
)
async def test_signing_in_leads_to_the_page_of_ones_role(
    app_server: AppServer, role: Literal["voice", "chat", "admin"], region: str
) -> None:
    person = await app_server.hire(role)
    answer = await sign_in(app_server, person.email.upper())
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    async with app_server.browser_of(person) as browser:
        page = await browser.get("/")
        assert f'id="{region}"' in page.text
        assert person.name in page.text
        assert (await browser.get("/login")).headers["location"] == "/"


async def test_every_reason_for_no_looks_the_same(app_server: AppServer, voice: Person) -> None:
    unknown, deactivated, banned = [await app_server.hire("voice") for _ in range(3)]
    await a_login_without_profile(app_server, unknown)
    async with app_server.database() as owner:
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
        answer = await sign_in(app_server, email, password)
        assert answer.status_code == 401, email
        assert "set-cookie" not in answer.headers
        pages.add(re.sub(r'(value|data-now)="[^"]*"', "", answer.text))
    assert len(pages) == 1
    assert REFUSED in pages.pop()


@pytest.mark.parametrize(
    "fields", [{"email": "a@example.com"}, {"password": "x"}, {"email": "e" * 256, "password": "x"}, {"email": "a@example.com", "password": "p" * 1001}]
)  # fmt: skip
async def test_half_a_form_is_422_with_the_page(app_server: AppServer, fields: dict[str, str]) -> None:
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as client:
        answer = await client.post("/login", data=fields)
        assert answer.status_code == 422
        assert "<form" in answer.text
        assert (await client.post("/login", json=fields)).status_code == 422


async def test_what_is_typed_comes_back_escaped(app_server: AppServer) -> None:
    answer = await sign_in(app_server, '"><script>alert(1)</script>', "x")
    assert "<script>alert" not in answer.text


async def test_the_cookie_is_for_this_host_and_no_script(app_server: AppServer, voice: Person) -> None:
    cookie, device, *_ = (await sign_in(app_server, voice.email)).headers.get_list("set-cookie")
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert parts == {"httponly", "path=/", "samesite=lax"}  # loopback over http; elsewhere Secure and __Host-
    value = cookie.split(";")[0].partition("=")[2]
    assert len(value) >= 43
    assert device.startswith(f"{app_server.cookie}-device=")
    assert {"httponly", "path=/", "samesite=lax"} <= {part.strip().lower() for part in device.split(";")[1:]}
    async with app_server.database() as owner:
        row = await owner.fetchrow("select * from private.web_sessions where token_hash = $1", digest(value))
    assert row is not None
    assert row["user_id"] == voice.id
    assert b"eyJhbGciOi" not in row["access_token"]  # as every token begins


async def test_signing_out_ends_the_session_and_not_only_the_cookie(
    app_server: AppServer, voice: Person
) -> None:
    async with app_server.browser_of(voice) as browser, app_server.browser_of(voice) as other:
        kept = browser.cookies[app_server.cookie]
        answer = await browser.post("/logout")
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        assert app_server.cookie not in browser.cookies
        old = await browser.get("/", headers={"Cookie": f"{app_server.cookie}={kept}"})
        assert old.headers["location"] == "/login"
        assert (await other.get("/")).status_code == 200
        assert (await browser.post("/logout")).status_code == 303


async def test_a_new_sign_in_has_a_new_id_and_ends_the_old_one(app_server: AppServer, voice: Person) -> None:
    async with app_server.browser_of(voice) as browser:
        before = browser.cookies[app_server.cookie]
        await browser.post("/login", data={"email": voice.email, "password": PASSWORD})
        assert browser.cookies[app_server.cookie] != before
    async with httpx.AsyncClient(
        base_url=app_server.url, cookies={app_server.cookie: before}, timeout=DEADLINE
    ) as old:
        assert (await old.get("/")).status_code == 303


@pytest.mark.parametrize(
    "cookie", ["", "x", "a" * 43, "é" * 10, "x" * 5000, "' or 1=1 --", "\xff\xfe", "a=b=c"]
)
async def test_a_made_up_cookie_is_nobody(app_server: AppServer, cookie: str) -> None:
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as client:
        answer = await client.get("/", headers={b"Cookie": f"{app_server.cookie}={cookie}".encode("latin-1")})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


async def test_an_id_that_an_attacker_chose_is_never_adopted(app_server: AppServer, voice: Person) -> None:
    chosen = "a" * 43
    async with httpx.AsyncClient(
        base_url=app_server.url, cookies={app_server.cookie: chosen}, timeout=DEADLINE
    ) as victim:
        page = await victim.get("/login")
        assert "set-cookie" not in page.headers
        answer = await victim.post("/login", data={"email": voice.email, "password": PASSWORD})
        assert answer.cookies[app_server.cookie] != chosen
        assert (await victim.get("/", headers={"Cookie": f"{app_server.cookie}={chosen}"})).status_code == 303


async def test_an_attackers_own_session_ends_when_the_victim_signs_in_over_it(
    app_server: AppServer, voice: Person, chat: Person
) -> None:
    async with app_server.browser_of(chat) as attacker:
        theirs = attacker.cookies[app_server.cookie]
        async with httpx.AsyncClient(
            base_url=app_server.url, cookies={app_server.cookie: theirs}, timeout=DEADLINE
        ) as victim:
            answer = await victim.post("/login", data={"email": voice.email, "password": PASSWORD})
            assert answer.cookies[app_server.cookie] != theirs
        assert (await attacker.get("/")).status_code == 303


async def test_of_two_cookies_none_is_believed(app_server: AppServer, voice: Person, chat: Person) -> None:
    """Another site may have set one of them, and browsers do not tell which."""
    async with (
        app_server.browser_of(voice) as one,
        app_server.browser_of(chat) as other,
        httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as client,
    ):
        mine, theirs = (
            f"{app_server.cookie}={browser.cookies[app_server.cookie]}" for browser in (one, other)
        )
        for sent in (
            [f"{mine}; {theirs}"], [f"{theirs}; {mine}"], [mine, theirs], [theirs, mine], [f"{mine}; {app_server.cookie}=x"],
            [f"{mine};{app_server.cookie} =x"], [f"{mine}; {app_server.cookie}"], [f"{mine}; {mine}"],
        ):  # fmt: skip
            answer = await client.get("/", headers=[("Cookie", value) for value in sent])
            assert (answer.status_code == 303) == (sent != [f"{mine}; {app_server.cookie}"]), sent
        assert (await client.get("/", headers={"Cookie": f"x=1; {mine}; y=2"})).status_code == 200


async def test_a_cookie_that_a_sibling_could_set_is_nobodys(behind: AppServer, voice: Person) -> None:
    """Only a name with __Host- is bound to this host; any other may be set by a page at evil.example.com."""
    host = {"Host": "floor.example.com"}
    async with httpx.AsyncClient(base_url=behind.url, headers=host, timeout=DEADLINE) as client:
        answer = await client.post("/login", data={"email": voice.email, "password": PASSWORD})
        cookie, device, *_ = answer.headers.get_list("set-cookie")  # others say how somebody sees pages
        for given, name in ((cookie, "__Host-floorwalker"), (device, "__Host-floorwalker-device")):
            assert given.startswith(f"{name}=")
            parts = {part.strip().lower() for part in given.split(";")[1:]}
            assert {"httponly", "secure", "path=/", "samesite=lax"} <= parts
            assert not [part for part in parts if part.startswith("domain")]
        value = cookie.partition("=")[2].partition(";")[0]
        for name in (
            "floorwalker",
            "__host-floorwalker",
            "__Secure-floorwalker",
            f"floorwalker-{behind.url[-4:]}",
            "",
        ):
            assert (await client.get("/", headers={"Cookie": f"{name}={value}"})).status_code == 303, name
        assert (await client.get("/", headers={"Cookie": f"__Host-floorwalker={value}"})).status_code == 200


async def test_a_stolen_id_is_worth_nothing_once_its_owner_has_signed_out(
    app_server: AppServer, voice: Person
) -> None:
    async with (
        app_server.browser_of(voice) as owner,
        httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as thief,
    ):
        stolen = {"Cookie": f"{app_server.cookie}={owner.cookies[app_server.cookie]}"}
        assert (await thief.get("/", headers=stolen)).status_code == 200
        await owner.post("/logout")
        for path in ("/", "/leaderboard"):
            assert (await thief.get(path, headers=stolen)).status_code == 303
        assert "event: close" in (await thief.get("/stream?page=floor", headers=stolen)).text
        assert (await thief.post("/logout", headers=stolen)).status_code == 303


# The page that was asked for.


@pytest.mark.parametrize(
    ("wanted", "location"),
    [
        ("/", "/login"), ("/leaderboard", "/login?next=%2Fleaderboard"),
        ("/leaderboard?period=month&type=chat", "/login?next=%2Fleaderboard%3Fperiod%3Dmonth%26type%3Dchat"),
        ("/?type=voice", "/login?next=%2F%3Ftype%3Dvoice"),
    ],
)  # fmt: skip
async def test_signing_in_leads_back_to_the_page_that_was_wanted(
    app_server: AppServer, voice: Person, wanted: str, location: str
) -> None:
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as browser:
        sent = await browser.get(wanted)
        assert (sent.status_code, sent.headers["location"]) == (303, location)
        page = await browser.get(location)
        fields = {"email": voice.email, "password": "wrong"}
        for password, status in (("", 422), ("wrong", 401), (PASSWORD, 303)):
            hidden = re.search(r'name="next" value="([^"]*)"', page.text)
            assert (hidden is None) == (wanted == "/")
            more = {"next": html.unescape(hidden[1])} if hidden else {}
            page = await browser.post("/login", data={**fields, "password": password, **more})
            assert page.status_code == status
        assert page.headers["location"] == wanted
        assert (await browser.get(location)).headers["location"] == wanted, (
            "and a person who is signed in goes on at once"
        )


@pytest.mark.parametrize(
    "evil",
    [
        "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example", "https:/evil.example",
        "https:evil.example", "javascript:alert(1)", "/\t/evil.example", "/\n/evil.example", "/\r\nSet-Cookie: a=b", "\t//evil.example",
        " //evil.example", "evil.example", "", "/ /evil", "/x\x00", "/login", "/login?next=/login", "/logout", "/x" * 1100, "?x", "#x", "@evil.example",
    ],
)  # fmt: skip
async def test_signing_in_leads_nowhere_else(app_server: AppServer, voice: Person, evil: str) -> None:
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as browser:
        assert 'name="next"' not in (await browser.get("/login", params={"next": evil})).text
        answer = await browser.post("/login", data={"email": voice.email, "password": PASSWORD, "next": evil})
        assert answer.headers["location"] == "/"
        assert (await browser.get("/login", params={"next": evil})).headers["location"] == "/"


async def test_what_was_wanted_is_a_page_and_no_action(app_server: AppServer) -> None:
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as browser:
        assert (await browser.post(f"/agents/{uuid4()}/pause")).headers["location"] == "/login"
        for current, location in (
            (f"{app_server.url}/interactions/x?y=1#z", "/login?next=%2Finteractions%2Fx%3Fy%3D1"),
            (f"{app_server.url}/", "/login"),
            ("https://evil.example//evil.example/x", "/login"),
            ("https://[", "/login"),
            ("javascript:alert(1)", "/login"),
        ):
            headers = {"HX-Request": "true", "HX-Current-URL": current}
            answer = await browser.post(f"/agents/{uuid4()}/pause", headers=headers)
            assert (answer.status_code, answer.headers["hx-redirect"]) == (204, location)


async def test_a_signed_out_fragment_is_sent_to_the_sign_in_page(app_server: AppServer) -> None:
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as client:
        answer = await client.get("/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (204, "/login")


async def test_a_person_who_is_deactivated_is_out_at_once(app_server: AppServer, voice: Person) -> None:
    async with app_server.browser_of(voice) as browser:
        assert (await browser.get("/")).status_code == 200
        async with app_server.database() as owner:
            await owner.execute("update users set deactivated_at = now() where id = $1", voice.id)
        assert (await browser.get("/")).status_code == 303


async def refreshes(app_server: AppServer, person: Person) -> int:
    async with app_server.database("supabase_auth_admin") as auth:
        return int(
            await auth.fetchval("select count(*) from auth.refresh_tokens where user_id = $1", str(person.id))
        )


async def test_an_expired_token_is_renewed_once_however_many_ask(
    app_server: AppServer, voice: Person
) -> None:
    async with app_server.browser_of(voice) as browser:
        for age in ("30 seconds", "-1 hour"):
            before = await refreshes(app_server, voice)
            async with app_server.database() as owner:
                await owner.execute(
                    "update private.web_sessions set expires_at = now() + $2::text::interval where user_id = $1",
                    voice.id,
                    age,
                )
            answers = await asyncio.gather(*(browser.get("/") for _ in range(20)))
            assert [answer.status_code for answer in answers] == [200] * 20
            assert await refreshes(app_server, voice) - before == 1
        async with app_server.database() as owner:
            assert await owner.fetchval(
                "select expires_at > now() + interval '5 minutes' from private.web_sessions where user_id = $1",
                voice.id,
            )


async def test_two_processes_renew_it_once(app_server: AppServer, behind: AppServer, voice: Person) -> None:
    floor = {"Host": "floor.example.com"}
    environment = hosted(app_server, PUBLIC_URL="https://floor.example.com")
    with a_folder() as folder, serving(folder / "other", free_port(), **environment) as other:
        async with (
            httpx.AsyncClient(base_url=behind.url, headers=floor, timeout=DEADLINE) as here,
            httpx.AsyncClient(base_url=other.url, headers=floor, timeout=DEADLINE) as there,
        ):
            answer = await here.post("/login", data={"email": voice.email, "password": PASSWORD})
            cookie = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
            for left in ("30 seconds", "-1 hour"):
                before = await refreshes(app_server, voice)
                await age(app_server, voice, left)
                pages = [client.get("/", headers=cookie) for _ in range(25) for client in (here, there)]
                assert [page.status_code for page in await asyncio.gather(*pages)] == [200] * 50
                assert await refreshes(app_server, voice) - before == 1


async def test_a_session_that_auth_ended_is_over_at_the_next_renewal(
    app_server: AppServer, voice: Person
) -> None:
    async with app_server.browser_of(voice) as browser:
        async with app_server.database("supabase_auth_admin") as auth:
            await auth.execute("delete from auth.sessions where user_id = $1", voice.id)
        async with app_server.database() as owner:
            await owner.execute(
                "update private.web_sessions set expires_at = now() where user_id = $1", voice.id
            )
        answers = await asyncio.gather(*(browser.get("/") for _ in range(5)))
        assert {answer.status_code for answer in answers} == {303}

        async def gone() -> bool:
            async with app_server.database() as owner:
                return not await owner.fetchval(
                    "select count(*) from private.web_sessions where user_id = $1", voice.id
                )

        await until(gone)
