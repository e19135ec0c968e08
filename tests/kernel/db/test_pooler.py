"""Everything but LISTEN through a transaction pooler with fewer connections than clients."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from server.embedded.postgres import SUPERUSER
from server.embedded.prepare import create_database, prepare
from server.errors import Invalid
from server.kernel.db import connections as db
from server.kernel.db import migrations
from server.kernel.live import Hub
from tests.app_server import DEADLINE, Agent, AppServer, Person, decision
from tests.auth_process import hosted
from tests.conftest import a_folder, free_port, serving, until
from tests.kernel.db.pooler import PGBOUNCER, Pooler, pooling
from tests.kernel.live.hubs import noting

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed"),
]


GONE = "the stream has ended"


@dataclass(frozen=True, slots=True)
class Claimed:
    """A supervisor as the database knows one."""

    person: Person
    database_role: str = "authenticated"

    @property
    def claims(self) -> str:
        return json.dumps({"sub": str(self.person.id), "role": "authenticated"})


@pytest.fixture(scope="module")
def pooler(app_server: AppServer) -> Iterator[Pooler]:
    with pooling(app_server.home) as running:
        yield running


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with a_folder() as made:
        yield made


@pytest.fixture(scope="module")
def pooled(app_server: AppServer, pooler: Pooler, folder: Path) -> Iterator[AppServer]:
    """A web process behind the pooler, with a session connection to listen on."""
    environment = hosted(
        app_server, DATABASE_URL=pooler.url(), DATABASE_LISTEN_URL=app_server.database_url("floorwalker_web")
    )
    with serving(folder / "pooled", free_port(), **environment) as running:
        yield AppServer(running.url, app_server.home, running.process, running.log)
    assert "database_reached_through_pooler" in running.log.read_text()


@pytest.fixture
async def supervisors(app_server: AppServer) -> list[Person]:
    """Ten supervisors with twenty agents."""
    return [await app_server.hire("voice" if number % 2 else "chat", agents=2) for number in range(10)]


def word_of(person: Person) -> str:
    """A word that is in all texts of this supervisor and in none of another."""
    return f"word-{person.id.hex}"


async def work(app_server: AppServer, person: Person, agent: Agent, browser: httpx.AsyncClient) -> list[int]:
    """One agent's interaction from its start to its archive; every status there was."""
    statuses = []
    word = word_of(person)

    async def send(method: str, path: str, body: Any = None) -> Any:
        answer = await api.request(method, path, json=body)
        statuses.append(answer.status_code)
        return answer.json()

    async with app_server.api(agent) as api:
        interaction = await send("POST", "/interactions", {"interaction_type": agent.channel})
        path = f"/interactions/{interaction['id']}"
        for number in range(10):
            body = {"sentiment": "good", "satisfaction_score": number, "feed_text": f"{word} {number}"}
            await send("POST", f"{path}/metrics", body)
            await send("POST", f"{path}/turns", {"speaker": "customer", "text": f"{word} {number}"})
        asked = await send(
            "POST", f"{path}/tool-permissions", {"tool_name": "issue_refund", "arguments": {"order": word}}
        )
        permission = f"/tool-permissions/{asked['id']}"
        waiting = asyncio.create_task(send("GET", f"{permission}?wait=50"))
        await asyncio.sleep(0.1)
        decided = await browser.post(f"{permission}/decision", data=decision(asked, "allowed"))
        statuses.append(decided.status_code)
        answer = await waiting
        assert (answer["status"], answer["responded_by"]) == ("allowed", person.username)
        claim = {"arguments_digest": answer["arguments_digest"]}
        claimed = await send("POST", f"{permission}/execution", claim)
        done = {"execution_id": claimed["execution_id"], "succeeded": True}
        await send("PATCH", f"{permission}/execution", done)
        archive = {"summary": word, "issues": [], "csat_score": 4, "resolution_time_seconds": 60}
        await send("POST", f"{path}/end", {"status": "completed", "archive": archive})
    return statuses


@asynccontextmanager
async def watching(
    app_server: AppServer, person: Person
) -> AsyncIterator[tuple[httpx.AsyncClient, list[str]]]:
    """A signed-in browser with its stream open, and every line that came over it."""
    lines: list[str] = []

    async def read() -> None:
        async with browser.stream("GET", "/stream?page=floor") as stream:
            assert stream.status_code == 200
            async for line in stream.aiter_lines():
                lines.append(line)  # noqa: PERF401 - others look at it meanwhile
        lines.append(GONE)

    async with app_server.browser_of(person) as browser:
        reading = asyncio.create_task(read())
        try:
            await until(lambda: lines)
            yield browser, lines
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading


async def test_an_ordinary_day(app_server: AppServer, pooled: AppServer, supervisors: list[Person]) -> None:
    words = {person.id: word_of(person) for person in supervisors}

    async def spend(person: Person) -> list[int]:
        async with watching(pooled, person) as (browser, lines):
            found = [await work(pooled, person, agent, browser) for agent in person.agents]
            pages = ["/", "/leaderboard?type=voice&period=month", "/leaderboard.csv?type=chat&period=today"]
            answers = [await browser.get(page) for page in pages]
            await until(lambda: f"{words[person.id]} 9" in "".join(lines))
            seen = "".join([*lines, *(answer.text for answer in answers)])
            assert not [word for other, word in words.items() if other != person.id and word in seen]
            return [*chain(*found), *(answer.status_code for answer in answers)]

    statuses = Counter(chain(*await asyncio.gather(*(spend(person) for person in supervisors))))
    assert set(statuses) == {200, 201, 202, 303}, statuses
    async with app_server.database() as owner:
        for person in supervisors:
            counts = await owner.fetchrow(
                """select count(*) filter (where status = 'completed') as ended,
                  (select count(*) from public.realtime_metrics where supervisor_id = $1 and feed_text ~ $2) as metrics,
                  (select count(*) from public.interaction_turns where supervisor_id = $1 and text ~ $2) as turns,
                  (select count(*) from public.interaction_archives where supervisor_id = $1 and summary = $2) as archives,
                  (select count(*) from public.tool_permissions
                    where supervisor_id = $1 and status = 'allowed' and execution_succeeded) as executed
                from public.interactions where supervisor_id = $1""",
                person.id,
                words[person.id],
            )
            assert counts is not None
            assert tuple(counts) == (2, 20, 20, 2, 2)


async def test_time_passes(pooled: AppServer, voice: Person) -> None:
    """Two web processes sweep this database in turn; wait until it was the one behind the pooler."""
    agent = voice.agents[0]

    async def swept() -> bool:
        async with pooled.api(agent) as api:
            await api.post(f"/interactions/{await pooled.start(agent)}/end", json={"status": "completed"})
        async with httpx.AsyncClient(base_url=pooled.url, timeout=DEADLINE) as http:
            return 'floorwalker_swept_total{what="performance"}' in (await http.get("/metrics")).text

    await until(swept)
    assert "sweep_failed" not in pooled.log.read_text()


async def test_two_floors_asked_for_at_once_never_show_the_other(
    pooled: AppServer, voice: Person, chat: Person
) -> None:
    async def look(person: Person, other: Person) -> None:
        interaction = await pooled.start(person.agents[0])
        async with pooled.browser_of(person) as browser:
            for _ in range(10):
                for answer in await asyncio.gather(*(browser.get("/") for _ in range(10))):
                    assert answer.status_code == 200
                    assert interaction in answer.text
                    assert person.agents[0].name in answer.text
                    assert other.agents[0].name not in answer.text

    await asyncio.gather(look(voice, chat), look(chat, voice))


async def test_claims_end_with_their_transaction(
    app_server: AppServer, pooler: Pooler, supervisors: list[Person]
) -> None:
    for person in supervisors:
        await app_server.start(person.agents[0])

    async def mine(person: Person) -> None:
        async with database.as_viewer(Claimed(person)) as connection:
            rows = await connection.fetch("select supervisor_id from public.interactions")
            assert [row["supervisor_id"] for row in rows] == [person.id]

    async def nobodys() -> None:
        rows = await database.call(
            "select current_user::text, coalesce(current_setting('request.jwt.claims', true), '')"
        )
        assert tuple(rows[0]) == ("floorwalker_web", "")

    async with db.connect(pooler.url(), size=40) as database:
        for _ in range(20):
            await asyncio.gather(
                *(one for person in supervisors for one in (mine(person), mine(person), nobodys()))
            )


async def test_every_question_gets_its_own_answer(pooler: Pooler) -> None:
    """Forty connections run different queries over five, some of them wrong; none is prepared in a session."""

    async def ask(database: db.Database, number: int) -> None:
        for value in range(25):
            rows = await database.call(f"select $1::integer + {number}", value)
            assert rows[0][0] == value + number
            if value % 5 == 0:
                with pytest.raises(Invalid):
                    await database.call(f"select $1::integer / 0 + {number}", value)

    async with db.connect(pooler.url(), size=40) as database:
        await asyncio.gather(*(ask(database, number) for number in range(40)))
        named = await asyncio.gather(
            *(
                database.call("select count(*) from pg_prepared_statements where name <> ''")
                for _ in range(20)
            )
        )
    assert {rows[0][0] for rows in named} == {0}


async def test_direct_connections_keep_their_statements(app_server: AppServer) -> None:
    async with db.connect(app_server.database_url("floorwalker_web"), size=1) as database:
        for _ in range(2):
            rows = await database.call("select count(*) from pg_prepared_statements")
    assert rows[0][0] > 0


async def test_a_listener_behind_it_says_so_and_reads_by_the_clock(pooler: Pooler) -> None:
    """Even though the pooler may give it the connection on which it listens, while that is free."""
    heard: list[str] = []
    hub = Hub(pooler.url())
    hub.topics.subscribe(["agents:*"], noting(heard))
    listening = asyncio.create_task(hub.listen())
    try:
        await until(lambda: hub.state.connected)
        assert hub.state.name == "polling"
        await until(lambda: len(heard) >= 3)
    finally:
        listening.cancel()


async def test_a_session_pooler_delivers_and_is_believed(app_server: AppServer) -> None:
    with pooling(app_server.home, mode="session") as pooler:
        hub = Hub(pooler.url())
        listening = asyncio.create_task(hub.listen())
        try:
            await until(lambda: hub.state.connected)
            assert hub.state.name != "polling"
        finally:
            listening.cancel()


async def test_without_a_session_connection_pages_and_agents_hear_two_seconds_later(
    app_server: AppServer, pooler: Pooler, folder: Path, voice: Person
) -> None:
    with serving(folder / "polling", free_port(), **hosted(app_server, DATABASE_URL=pooler.url())) as running:
        polling = AppServer(running.url, app_server.home, running.process, running.log)
        async with watching(polling, voice) as (browser, lines):
            # Written by another process, because a process rings for its own decisions.
            asked = await app_server.ask(voice.agents[0], await app_server.start(voice.agents[0]))
            await until(lambda: asked["id"] in "".join(lines))
            async with polling.api(voice.agents[0]) as api:
                waiting = asyncio.create_task(api.get(f"/tool-permissions/{asked['id']}?wait=30"))
                await asyncio.sleep(0.2)
                async with app_server.browser_of(voice) as elsewhere:
                    await elsewhere.post(
                        f"/tool-permissions/{asked['id']}/decision", data=decision(asked, "denied")
                    )
                assert (await asyncio.wait_for(waiting, DEADLINE)).json()["status"] == "denied"
            assert (await browser.get("/readyz")).status_code == 200
            assert "".join(lines).count("retry: ") == 1, "it is still the same stream"
            await browser.post("/logout")
            await until(lambda: lines[-1] == GONE)
        assert "DATABASE_LISTEN_URL must be a session connection" in polling.log.read_text()


@pytest.fixture
async def empty(app_server: AppServer) -> AsyncIterator[str]:
    """The name of a database as a new project has it, in the same cluster."""
    name = f"empty_{uuid4().hex[:8]}"
    address = app_server.database_url(SUPERUSER)
    await create_database(address, name)
    await prepare(address.replace("/postgres?", f"/{name}?"))
    try:
        yield name
    finally:
        async with app_server.database(SUPERUSER) as root:
            await root.execute(f"drop database {name} with (force)")


async def test_migrations_run_through_it_by_several_at_once(
    app_server: AppServer, pooler: Pooler, empty: str
) -> None:
    url = pooler.url("postgres", empty)
    started = datetime.now(UTC)
    applied = await asyncio.gather(*(migrations.migrate(url) for _ in range(4)))
    files = sorted(path.stem for path in (migrations.FOLDER / "migrations").glob("*.sql"))
    assert sorted(chain(*applied)) == files
    assert await migrations.migrate(url) == []
    await migrations.seed(url)
    assert (datetime.now(UTC) - started).total_seconds() < 60
    async with app_server.database() as owner:
        held = await owner.fetchval(
            """select count(*) from pg_locks l join pg_database d on d.oid = l.database
            where d.datname = $1 and l.locktype = 'advisory'""",
            empty,
        )
    assert held == 0
