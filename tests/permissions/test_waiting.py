"""A waiting agent learns of a decision at once: after a move, and when the listener receives nothing."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest

from tests.app_server import Agent, AppServer, Person, decision
from tests.conftest import a_folder, free_port, prepared, serving, until

SOON = 10.0  # seconds, of the 50 that it waits: so it was not the end of the wait


@pytest.fixture(scope="module")
def alone() -> Iterator[AppServer]:
    with a_folder() as folder, serving(prepared(folder / "home"), free_port()) as running:
        yield running


@asynccontextmanager
async def a_waiting_agent(
    app_server: AppServer, agent: Agent
) -> AsyncIterator[tuple[dict[str, str], "asyncio.Task[httpx.Response]"]]:
    asked = await app_server.ask(agent, await app_server.start(agent))
    async with app_server.api(agent) as api:
        waiting = asyncio.create_task(api.get(f"/tool-permissions/{asked['id']}?wait=50"))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        yield asked, waiting
        began = time.monotonic()
        answer = await waiting
        assert answer.json()["status"] in ("allowed", "denied")
        assert time.monotonic() - began < SOON


async def allow(app_server: AppServer, person: Person, asked: dict[str, str]) -> None:
    async with app_server.browser_of(person) as browser:
        answer = await browser.post(
            f"/tool-permissions/{asked['id']}/decision", data=decision(asked, "allowed")
        )
        assert answer.status_code == 303, answer.text


async def test_an_agent_that_was_moved_hears_its_new_supervisor(app_server: AppServer, voice: Person) -> None:
    admin, new = await app_server.hire("admin"), await app_server.hire("voice", agents=0)
    async with a_waiting_agent(app_server, voice.agents[0]) as (asked, waiting):
        async with app_server.database() as owner, owner.transaction():
            await owner.execute(
                "select set_config('request.jwt.claims', $1, true)",
                f'{{"sub": "{admin.id}", "role": "authenticated"}}',
            )
            await owner.execute("set local role authenticated")
            await owner.execute("select from move_agent($1, $2)", voice.agents[0].id, new.id)
        await asyncio.sleep(1)
        assert not waiting.done()
        await allow(app_server, new, asked)


async def the_listener(app_server: AppServer) -> int:
    """The process of PostgreSQL that delivers notifications to the server."""
    async with app_server.database() as owner:
        found = await owner.fetch(
            "select pid from pg_stat_activity where query like 'LISTEN%' or query = 'select 1'"
        )
        assert found
        return int(found[0]["pid"])


async def test_a_decision_on_a_page_of_this_process_needs_no_listener(alone: AppServer) -> None:
    person = await alone.hire("voice")
    pid = await the_listener(alone)
    async with a_waiting_agent(alone, person.agents[0]) as (asked, _):
        os.kill(pid, signal.SIGSTOP)
        try:
            await allow(alone, person, asked)
            await asyncio.sleep(1)
        finally:
            os.kill(pid, signal.SIGCONT)


DENY = """update tool_permissions set status = 'denied', responded_by = $2, responded_by_name = 'x', responded_at = now()
    where id = $1"""


async def test_a_decision_in_the_database_is_heard_though_the_listener_stands_still(alone: AppServer) -> None:
    person = await alone.hire("voice")
    pid = await the_listener(alone)
    async with a_waiting_agent(alone, person.agents[0]) as (asked, waiting), alone.database() as owner:
        os.kill(pid, signal.SIGSTOP)
        try:
            await owner.execute(DENY, asked["id"], person.id)
            await asyncio.wait([waiting], timeout=SOON)
            assert waiting.done()
        finally:
            os.kill(pid, signal.SIGCONT)


async def test_a_decision_in_the_database_is_heard_once_the_listener_is_known_to_receive_nothing(
    alone: AppServer,
) -> None:
    person = await alone.hire("voice")
    async with a_waiting_agent(alone, person.agents[0]) as (asked, waiting), alone.database() as owner:
        # No connection is possible again, so the hub has no listener.
        await owner.execute("alter role floorwalker_web connection limit 0")
        try:
            await owner.execute("select pg_terminate_backend($1)", await the_listener(alone))
            await until(lambda: httpx.get(f"{alone.url}/readyz", timeout=30).status_code == 503)
            await owner.execute(DENY, asked["id"], person.id)
            await asyncio.wait([waiting], timeout=SOON)
            assert waiting.done()
        finally:
            await owner.execute("alter role floorwalker_web connection limit -1")
