"""Three web processes on one database with one NATS, while everything they depend on is killed and frozen."""

import asyncio
import os
import re
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TypeAlias
from uuid import UUID

import asyncpg
import httpx
import pytest

from tests.app_server import DEADLINE, AppServer, Person, decision
from tests.auth_process import hosted
from tests.conftest import a_folder, free_port, serving, until
from tests.kernel.db.test_pooler import watching, work
from tests.nats import NATS, Nats, nats
from tests.test_process import left_behind

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(NATS is None, reason="nats-server is not installed"),
]
PENDING = re.compile(r'id="tool-permission-([0-9a-f-]{36})" class="tool-permission pending"')
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@dataclass(slots=True)
class Fleet:
    """The web processes, by number; PostgreSQL and Auth belong to another one, `cloud`, which plays no part."""

    cloud: AppServer
    bus: Nats
    folder: Path
    running: dict[int, AppServer] = field(default_factory=dict)
    _stacks: dict[int, ExitStack] = field(default_factory=dict)

    def start(self, number: int) -> AppServer:
        address = self.cloud.database_url("floorwalker_web")
        environment = hosted(
            self.cloud,
            DATABASE_URL=address,
            DATABASE_LISTEN_URL=f"{address}&application_name=web-{number}",
            FANOUT_URL=self.bus.url,
        )
        stack = self._stacks[number] = ExitStack()
        web = stack.enter_context(serving(self.folder / f"web-{number}", free_port(), **environment))
        self.running[number] = AppServer(web.url, self.cloud.home, web.process, web.log)
        return self.running[number]

    def kill(self, number: int) -> None:
        web = self.running.pop(number)
        web.process.kill()
        web.process.wait()
        self._stacks.pop(number).close()

    def stop(self) -> None:
        for stack in self._stacks.values():
            stack.close()

    async def listening(self) -> list[int]:
        """Which of them have a connection on which they listen."""
        async with self.cloud.database("supabase_admin") as admin:
            rows = await admin.fetch(
                "select application_name from pg_stat_activity where application_name like 'web-%'"
            )
        return sorted(int(row[0].removeprefix("web-")) for row in rows)

    async def live(self) -> bool:
        """Whether all of them receive notifications."""
        async with httpx.AsyncClient(timeout=DEADLINE) as http:
            pages = [await http.get(f"{web.url}/metrics") for web in self.running.values()]
        return all("floorwalker_hub_live 1.0" in page.text for page in pages)

    async def settled(self) -> bool:
        """One listens and all receive."""
        try:
            subjects = Counter(await self.bus.subjects())
            return (
                len(await self.listening()) == 1
                and subjects["ear"] == 1
                and subjects["all"] == len(self.running) - 1
                and await self.live()
            )
        except (OSError, httpx.HTTPError):
            return False


@contextmanager
def fleet_of(number: int) -> Iterator[Fleet]:
    with a_folder() as folder, nats() as bus, serving(folder / "home", free_port()) as cloud:
        fleet = Fleet(cloud, bus, folder)
        try:
            for one in range(number):
                fleet.start(one)
            yield fleet
        finally:
            fleet.stop()


@pytest.fixture(scope="module")
def three() -> Iterator[Fleet]:
    with fleet_of(3) as fleet:
        yield fleet


@pytest.fixture
async def fleet(three: Fleet) -> Fleet:
    """All three of them in order, whatever the last test did."""
    for number in {0, 1, 2} - three.running.keys():
        three.start(number)
    await until(three.settled)
    return three


@dataclass(slots=True)
class Page:
    """What a browser shows of a stream: the newest of each region."""

    regions: dict[str, str] = field(default_factory=dict)
    streams: int = 0
    _open: tuple[str, list[str]] | None = None

    def read(self, line: str) -> None:
        self.streams += line.startswith("retry:")
        text = line.removeprefix("data: ")
        if found := re.match(r'<hx-partial hx-target="#([\w-]+)"', text):
            self._open = (found[1], [])
        if self._open is not None:
            self._open[1].append(text)
            if text.endswith("</hx-partial>"):
                self.regions[self._open[0]] = "\n".join(self._open[1])
                self._open = None

    def shows(self, text: str) -> bool:
        return any(text in region for region in self.regions.values())


@asynccontextmanager
async def page_of(web: AppServer, person: Person) -> AsyncIterator[Page]:
    """A signed-in browser's page, which connects again for as long as it is open."""
    page = Page()

    async def keep(browser: httpx.AsyncClient) -> None:
        while True:
            with suppress(httpx.HTTPError):
                async with browser.stream("GET", "/stream?page=floor") as stream:
                    async for line in stream.aiter_lines():
                        page.read(line)
            await asyncio.sleep(0.2)

    async with web.browser_of(person) as browser:
        reading = asyncio.create_task(keep(browser))
        try:
            await until(lambda: "agents" in page.regions)
            yield page
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading


async def test_one_listens_for_three(fleet: Fleet) -> None:
    assert len(await fleet.listening()) == 1
    async with httpx.AsyncClient(timeout=DEADLINE) as http:
        for web in fleet.running.values():
            ready = (await http.get(f"{web.url}/readyz")).json()
            assert ready == {"database": True, "listener": True, "notifications": True}


@pytest.mark.parametrize("first", [0, 1, 2])  # each is the leader in one of them
async def test_what_one_is_told_the_others_show_and_answer(fleet: Fleet, first: int) -> None:
    person = await fleet.cloud.hire("voice")
    agent = person.agents[0]
    a, b, c = (fleet.running[(first + number) % 3] for number in range(3))
    interaction = await a.start(agent)
    async with (
        page_of(b, person) as at_b,
        page_of(c, person) as at_c,
        a.api(agent) as at_a,
        b.api(agent) as api,
        c.browser_of(person) as browser,
    ):
        said = {"sentiment": "good", "satisfaction_score": 50, "feed_text": "a word that was said"}
        answer = await at_a.post(f"/interactions/{interaction}/metrics", json=said)
        assert answer.status_code == 202
        await until(lambda: at_b.shows("a word that was said") and at_c.shows("a word that was said"))
        asked = await a.ask(agent, interaction)
        await until(lambda: at_b.shows(asked["id"]) and at_c.shows(asked["id"]))
        waiting = asyncio.create_task(api.get(f"/tool-permissions/{asked['id']}?wait=30"))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        await browser.post(f"/tool-permissions/{asked['id']}/decision", data=decision(asked, "denied"))
        assert (await asyncio.wait_for(waiting, DEADLINE)).json()["status"] == "denied"


async def test_who_signs_out_or_is_put_out_is_out_everywhere(fleet: Fleet) -> None:
    person = await fleet.cloud.hire("chat")
    async with AsyncExitStack() as stack:
        watched = [await stack.enter_async_context(watching(web, person)) for web in fleet.running.values()]
        async with fleet.cloud.database() as owner:
            await owner.execute("update users set deactivated_at = now() where id = $1", person.id)
        await until(lambda: all(lines[-1] == "the stream has ended" for _, lines in watched))


async def test_an_ordinary_day(fleet: Fleet) -> None:
    """Ten supervisors with twenty agents, each agent at one process and their supervisor at another."""
    people = [await fleet.cloud.hire("voice" if number % 2 else "chat", agents=2) for number in range(10)]
    webs = list(fleet.running.values())

    async def spend(number: int, person: Person) -> list[int]:
        async with watching(webs[number % 3], person) as (browser, _):
            return list(
                chain(
                    *[await work(webs[(number + 1) % 3], person, agent, browser) for agent in person.agents]
                )
            )

    statuses = Counter(chain(*await asyncio.gather(*(spend(*one) for one in enumerate(people)))))
    assert set(statuses) <= {200, 201, 202, 303}, statuses


async def test_the_leader_is_killed_and_no_permission_is_missed(fleet: Fleet) -> None:
    person = await fleet.cloud.hire("voice")
    agent = person.agents[0]
    (leader,) = await fleet.listening()
    others = [number for number in fleet.running if number != leader]
    a, b = (fleet.running[number] for number in others)
    interaction = await a.start(agent)
    waiting = await a.ask(agent, interaction)
    async with page_of(a, person) as at_a, page_of(b, person) as at_b, a.api(agent) as api:
        answer = asyncio.create_task(api.get(f"/tool-permissions/{waiting['id']}?wait=50"))
        await until(lambda: at_a.shows(waiting["id"]) and at_b.shows(waiting["id"]))
        fleet.kill(leader)
        asked = [(await b.ask(agent, interaction, arguments={"order": number}))["id"] for number in range(9)]
        async with b.browser_of(person) as browser:
            decided = await browser.post(
                f"/tool-permissions/{waiting['id']}/decision", data=decision(waiting, "allowed")
            )
            assert decided.status_code in (200, 303)
        assert (await asyncio.wait_for(answer, DEADLINE)).json()["status"] == "allowed"
        await until(lambda: all(at_a.shows(one) and at_b.shows(one) for one in asked))
        await until(fleet.settled)
        last = (await a.ask(agent, interaction))["id"]
        await until(lambda: at_a.shows(last) and at_b.shows(last))
        assert (at_a.streams, at_b.streams) == (1, 1), "no stream began anew"


async def test_a_session_that_ends_while_nobody_hears_is_found_out(fleet: Fleet) -> None:
    person = await fleet.cloud.hire("chat")
    (leader,) = await fleet.listening()
    follower = next(web for number, web in fleet.running.items() if number != leader)
    async with watching(follower, person) as (_, lines):
        fleet.kill(leader)
        async with fleet.cloud.database() as owner:
            await owner.execute("delete from private.web_sessions where user_id = $1", person.id)
        await until(lambda: lines[-1] == "the stream has ended")


async def test_a_frozen_database_is_noticed_by_all(fleet: Fleet) -> None:
    (parent,) = (int(line.split()[0]) for line in left_behind(fleet.cloud.home))
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, check=True)  # noqa: ASYNC221
    frozen = [parent, *map(int, listed.stdout.split())]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:

        async def stale() -> bool:
            async with httpx.AsyncClient(timeout=DEADLINE) as http:
                pages = [await http.get(f"{web.url}/metrics") for web in fleet.running.values()]
            return all("floorwalker_hub_live 0.0" in page.text for page in pages)

        await until(stale)
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    await until(fleet.settled)


@dataclass(slots=True)
class Storm:
    """Writes all the time; refused and lost requests do not count."""

    cloud: AppServer
    lives: list[UUID]
    written: int = 0
    cancelled: int = 0

    async def blow(self) -> None:
        while True:
            with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                async with self.cloud.database() as owner:
                    while True:
                        await self._write(owner, self.lives[self.written % len(self.lives)])
                        await asyncio.sleep(0.005)
            await asyncio.sleep(0.05)

    async def _write(self, owner: Connection, interaction: UUID) -> None:
        self.written += 1
        await owner.execute(
            "insert into realtime_metrics (interaction_id, satisfaction_score, feed_text) values ($1, 50, $2)",
            interaction,
            f"line {self.written}.",
        )
        if self.written % 7 == 0:
            await owner.execute(
                "insert into tool_permissions (interaction_id, tool_name, arguments) values ($1, 'issue_refund', '{}')",
                interaction,
            )
        if self.written % 11 == 0:
            done = await owner.execute(
                """update tool_permissions set status = 'cancelled' where id = (select id from tool_permissions
                where interaction_id = $1 and status = 'pending' order by requested_at limit 1)""",
                interaction,
            )
            self.cancelled += done == "UPDATE 1"


async def differences(cloud: AppServer, pages: list[tuple[Person, Page]]) -> list[str]:
    """Where a page does not show what the database says."""
    found = []
    async with cloud.database() as owner:
        for person, page in pages:
            row = await owner.fetchrow(
                """select (select feed_text from realtime_metrics where supervisor_id = $1
                    order by timestamp desc limit 1) as feed,
                  (select coalesce(array_agg(id::text), '{}') from tool_permissions
                    where supervisor_id = $1 and status = 'pending') as pending""",
                person.id,
            )
            assert row is not None
            shown = set(PENDING.findall(page.regions["tool-permissions"]))
            if not page.shows(row["feed"]):
                found.append(f"{person.username} lacks {row['feed']}")
            if shown != set(row["pending"]):
                found.append(f"{person.username} shows {len(shown)} of {len(row['pending'])} pending")
            if 'data-state="live"' not in page.regions["connection"]:
                found.append(f"{person.username} is not live")
    return found


async def test_a_storm_while_everything_dies_in_turn(fleet: Fleet) -> None:
    """In the end every page, open all the while, shows the state of the database."""
    people = [await fleet.cloud.hire("voice") for _ in range(6)]
    storm = Storm(fleet.cloud, [UUID(await fleet.running[0].start(person.agents[0])) for person in people])
    (leader,) = await fleet.listening()
    async with AsyncExitStack() as stack:
        pages = [
            (person, await stack.enter_async_context(page_of(web, person)))
            for number, web in fleet.running.items()
            for person in people
            if number != leader
        ]

        async def right() -> bool:
            return not await differences(fleet.cloud, pages)

        async def pause(seconds: float) -> None:
            """Pause the writes at an arbitrary moment, and compare."""
            blowing = asyncio.create_task(storm.blow())
            await asyncio.sleep(seconds)
            blowing.cancel()
            with suppress(asyncio.CancelledError):
                await blowing
            try:
                await until(right)
            except AssertionError:
                raise AssertionError(await differences(fleet.cloud, pages)) from None

        await pause(0.5)
        fleet.kill(leader)
        await pause(0.5)
        await pause(2)
        fleet.bus.kill()
        await pause(0.5)
        fleet.bus.start()
        await pause(0.3)
        await pause(2)
        fleet.bus.send(signal.SIGSTOP)
        try:
            await pause(2)
        finally:
            fleet.bus.send(signal.SIGCONT)
        await pause(2)
        os.kill(int(left_behind(fleet.cloud.home)[0].split()[0]), signal.SIGKILL)
        await pause(3)
        await asyncio.to_thread(fleet.start, leader)
        await pause(1)
        await until(fleet.settled)
        await pause(0.5)
    assert storm.written > 500
    assert storm.cancelled > 20
