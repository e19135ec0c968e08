"""The end of a person's rights ends their open stream and next request; likewise for an agent."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeAlias

import httpx
import pytest

from server.embedded.keys import Keys
from server.embedded.postgres import SUPERUSER
from server.kernel.auth import Auth
from tests.app_server import DEADLINE, PASSWORD, AppServer, Person
from tests.auth_process import HERE, NEW, age, is_out, sessions_here, signed_in, viewer_of
from tests.conftest import until
from tests.kernel.live.test_stream import join, streaming

SOON = 150  # requests, which take two seconds; whatever is not told is found out within ten


async def at_once(browser: httpx.AsyncClient, done: Callable[[], bool]) -> None:
    """Within so many requests in turn; counted, because a clock would measure the machine too."""
    for _ in range(SOON):
        if done():
            return
        await browser.get("/healthz")
        await asyncio.sleep(0.01)
    raise AssertionError("it was found out, and not told")


@dataclass(slots=True)
class Watching:
    """A browser with an open stream: what it has read, and when the stream ended."""

    browser: httpx.AsyncClient
    lines: list[str] = field(default_factory=list)
    ended: bool = False

    async def read(self, page: str) -> None:
        async with self.browser.stream("GET", f"/stream?page={page}", timeout=None) as stream:
            assert stream.status_code == 200
            async for line in stream.aiter_lines():
                self.lines.append(line)
        self.ended = True

    async def ends_at_once(self) -> None:
        await at_once(self.browser, lambda: self.ended)


@asynccontextmanager
async def watching(app_server: AppServer, person: Person, page: str = "floor") -> AsyncIterator[Watching]:
    async with app_server.browser_of(person) as browser:
        one = Watching(browser)
        reading = asyncio.create_task(one.read(page))
        try:
            await until(lambda: any("tool-permissions" in line for line in one.lines))
            yield one
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def is_nobody(browser: httpx.AsyncClient) -> None:
    """The cookie opens no page and no stream, and decides nothing."""
    assert (await browser.get("/leaderboard")).headers["location"].startswith("/login")
    stream = await browser.get("/stream?page=floor", timeout=DEADLINE)
    assert (stream.status_code, "event: close" in stream.text) == (200, True)
    assert (await browser.post("/agents/x/pause", data={"paused": "yes"})).headers["location"] == "/login"


@dataclass(frozen=True, slots=True)
class Case:
    app_server: AppServer
    auth: Auth  # another web process of the same people
    person: Person
    one: Watching


Operation: TypeAlias = Callable[[Case], Awaitable[object]]


async def administer(app_server: AppServer, person: Person, **changes: Any) -> None:
    """Change somebody directly at the Auth server, as its own dashboard does."""
    secret = Keys.load_or_create(app_server.home).secret
    async with httpx.AsyncClient(
        headers={"apikey": secret, "Authorization": f"Bearer {secret}"}, timeout=DEADLINE
    ) as http:
        answer = await http.put(f"{app_server.url}/auth/v1/admin/users/{person.id}", json=changes)
    assert answer.status_code == 200, answer.text


async def change(case: Case, role: str, statement: str) -> None:
    async with case.app_server.database(role) as owner:
        await owner.execute(statement, case.person.id)


async def sign_out(case: Case) -> None:
    assert (await case.one.browser.post("/logout")).status_code == 303


async def sign_out_everywhere(case: Case) -> None:
    await case.auth.sign_out_everywhere(await signed_in(case.auth, case.person))


async def close_from_another_browser(case: Case) -> None:
    viewer = await viewer_of(case.auth, await signed_in(case.auth, case.person))
    for one in await case.auth.sessions(viewer):
        if not one.here:
            await case.auth.close_session(viewer, one.id)


async def change_the_password(case: Case) -> None:
    await case.auth.change_password(await signed_in(case.auth, case.person), PASSWORD, NEW, HERE)


async def remove_the_role(case: Case) -> None:
    await administer(case.app_server, case.person, app_metadata={"app_role": None})


async def ban(case: Case) -> None:
    await administer(case.app_server, case.person, ban_duration="24h")


OPERATIONS: dict[str, Operation] = {
    "signing out": sign_out,
    "signing out everywhere": sign_out_everywhere,
    "closing it from another browser": close_from_another_browser,
    "a new password": change_the_password,
    "a deactivation": partial(
        change, role="postgres", statement="update users set deactivated_at = now() where id = $1"
    ),
    "a role removed at the Auth server": remove_the_role,
    "a ban at the Auth server": ban,
    "a ban by SQL": partial(
        change,
        role="supabase_auth_admin",
        statement="update auth.users set banned_until = now() + interval '1 day' where id = $1",
    ),
}


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_what_ends_a_session_ends_its_stream_at_once(
    app_server: AppServer, auth: Auth, voice: Person, chat: Person, operation: str
) -> None:
    async with watching(app_server, voice) as one, watching(app_server, chat) as bystander:
        await OPERATIONS[operation](Case(app_server, auth, voice, one))
        await one.ends_at_once()
        await is_nobody(one.browser)
        assert not bystander.ended
        assert (await bystander.browser.get("/")).status_code == 200


async def test_what_nobody_rings_is_found_out(app_server: AppServer, voice: Person, chat: Person) -> None:
    """A session that ended without its trigger, and a person whose row changed without one."""
    async with (
        watching(app_server, voice) as one,
        watching(app_server, chat) as other,
        app_server.database(SUPERUSER) as superuser,
    ):
        await superuser.execute("set session_replication_role = replica")
        await superuser.execute("delete from private.web_sessions where user_id = $1", voice.id)
        await superuser.execute("update public.users set deactivated_at = now() where id = $1", chat.id)
        for watched in (one, other):
            await is_nobody(watched.browser)
        await until(lambda: one.ended and other.ended)


async def test_a_ban_that_is_lifted_gives_no_old_cookie_its_life_back(
    app_server: AppServer, voice: Person
) -> None:
    async with watching(app_server, voice) as one:
        await administer(app_server, voice, ban_duration="24h")
        await one.ends_at_once()
        await administer(app_server, voice, ban_duration="none")
        await is_nobody(one.browser)
    async with app_server.browser_of(voice) as browser:
        assert (await browser.get("/leaderboard")).status_code == 200


async def test_a_change_of_role_ends_the_stream_and_the_old_roles_pages(app_server: AppServer) -> None:
    admin = await app_server.hire("admin")
    async with watching(app_server, admin, "wallboard") as one:
        assert (await one.browser.get("/system")).status_code == 200
        fields = {"app_role": "supervisor", "supervisor_type": "voice", "username": f"was-{admin.id.hex[:8]}"}
        await administer(app_server, admin, app_metadata=fields)
        await one.ends_at_once()
        await is_nobody(one.browser)
    async with app_server.browser_of(admin) as browser:
        one.browser = browser
        assert (await one.browser.get("/system")).status_code == 403
        assert (await one.browser.get("/stream?page=wallboard")).status_code == 404
        assert 'id="agents"' in (await one.browser.get("/")).text


async def test_a_session_deleted_at_the_auth_server_lasts_until_its_token_is_renewed(
    app_server: AppServer, voice: Person
) -> None:
    """We are not told, and do not ask at every request: at most an hour, the life of a token."""
    async with watching(app_server, voice) as one:
        async with app_server.database("supabase_auth_admin") as auth:
            await auth.execute("delete from auth.sessions where user_id = $1", voice.id)
        assert (await one.browser.get("/")).status_code == 200
        assert not one.ended
        await age(app_server, voice, "30 seconds")
        assert (await one.browser.get("/")).status_code == 303
        await one.ends_at_once()
        await is_nobody(one.browser)
    assert await sessions_here(app_server, voice) == 0


async def test_a_stream_ends_with_its_token_and_the_next_one_renews_it(
    app_server: AppServer, auth: Auth, voice: Person
) -> None:
    cookie = await signed_in(auth, voice)
    viewer = await viewer_of(auth, cookie)
    async with streaming(app_server) as streams:
        soon = datetime.now(UTC) + timedelta(seconds=1)
        short = join(streams, replace(viewer, expires_at=soon))
        long = join(streams, viewer)
        began = time.monotonic()
        await until(lambda: short.ended)
        assert time.monotonic() - began > 0.9, "but not before"
        assert not long.ended
    async with watching(app_server, voice) as one:
        await age(app_server, voice, "-1 second")
        async with one.browser.stream("GET", "/stream?page=floor") as again:
            async for line in again.aiter_lines():
                if 'id="agents"' in line:
                    break
                assert "event: close" not in line
        async with app_server.database() as owner:
            assert await owner.fetchval(
                "select max(expires_at) > now() + interval '5 minutes' from private.web_sessions where user_id = $1",
                voice.id,
            )
    assert not await is_out(auth, cookie)


# Agents


AGENT_OPERATIONS = {
    "a revoked key": "update agent_keys set revoked_at = now() where agent_id = $1",
    "a retired agent": "update agents set retired_at = now() where id = $1",
    "a deleted key": "delete from agent_keys where agent_id = $1",
}


@pytest.mark.parametrize("operation", AGENT_OPERATIONS)
async def test_an_agent_that_waits_is_told_at_once_and_so_is_its_next_call(
    app_server: AppServer, voice: Person, chat: Person, operation: str
) -> None:
    agent, other = voice.agents[0], chat.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent))
    theirs = await app_server.ask(other, await app_server.start(other))
    async with (
        app_server.api(agent) as api,
        app_server.api(other) as neighbour,
        app_server.database() as owner,
    ):
        waiting = asyncio.create_task(api.get(f"/tool-permissions/{asked['id']}?wait=25"))
        undisturbed = asyncio.create_task(neighbour.get(f"/tool-permissions/{theirs['id']}?wait=2"))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        await owner.execute(AGENT_OPERATIONS[operation], agent.id)
        await at_once(neighbour, waiting.done)
        answer = await waiting
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        for path in ("/agent", f"/tool-permissions/{asked['id']}", f"/tool-permissions/{asked['id']}?wait=5"):
            assert (await api.get(path)).status_code == 401
        assert (await undisturbed).json()["status"] == "pending"
