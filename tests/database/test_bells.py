"""NOTIFY rings a topic for each supervisor touched, and carries no content."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from tests.app_server import AppServer, Person, decision
from tests.conftest import until

KEYS_ONLY = re.compile(r"[a-z_]+:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|hub:[0-9a-f]+")


@asynccontextmanager
async def hearing(app_server: AppServer) -> AsyncIterator[list[str]]:
    heard: list[str] = []
    async with app_server.database("floorwalker_web") as connection:
        await connection.add_listener("floor", lambda _c, _p, _ch, payload: heard.append(str(payload)))
        yield heard


async def test_what_an_interaction_rings_is_keys_only(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0]
    async with (
        hearing(app_server) as heard,
        app_server.api(agent) as api,
        app_server.browser_of(voice) as browser,
    ):
        live = await app_server.start(agent, phone_number="+18505550155")
        await api.post(
            f"/interactions/{live}/metrics", json={"sentiment": "good", "feed_text": "my card is 4111"}
        )
        await api.post(f"/interactions/{live}/turns", json={"speaker": "customer", "text": "my name is Ana"})
        asked = await app_server.ask(agent, live)
        form = decision(asked, "denied", reason="no")
        await browser.post(f"/tool-permissions/{asked['id']}/decision", data=form)
        archive = {"summary": "private", "csat_score": 5}
        await api.post(f"/interactions/{live}/end", json={"status": "completed", "archive": archive})
        await browser.post("/logout")
        tables = (
            "interactions",
            "realtime_metrics",
            "interaction_turns",
            "tool_permissions",
            "interaction_archives",
            "agents",
        )
        await until(lambda: {f"{table}:{voice.id}" for table in tables} <= set(heard))
        await until(lambda: any(one.startswith("web_sessions:") for one in heard))
    assert not [one for one in heard if not KEYS_ONLY.fullmatch(one)]


async def test_one_statement_rings_each_supervisor_once(
    app_server: AppServer, voice: Person, chat: Person
) -> None:
    async with hearing(app_server) as heard, app_server.database() as owner:
        async with owner.transaction():
            ids: list[UUID] = []
            for person, channel in ((voice, "voice"), (chat, "chat")):
                ids.append(await owner.fetchval("insert into interactions (agent_id, interaction_type) values ($1, $2) returning id", person.agents[0].id, channel))  # fmt: skip
            await owner.execute("insert into realtime_metrics (interaction_id, timestamp, satisfaction_score) select i, now() + n * interval '1 s', n from unnest($1::uuid[]) i, generate_series(1, 50) n", ids)  # fmt: skip
            await asyncio.sleep(0)
            assert not [one for one in heard if one.startswith("realtime_metrics")]
        await until(
            lambda: f"realtime_metrics:{chat.id}" in heard and f"realtime_metrics:{voice.id}" in heard
        )
        assert [heard.count(f"realtime_metrics:{person.id}") for person in (voice, chat)] == [1, 1]


async def test_a_person_who_loses_their_rights_is_rung(app_server: AppServer, voice: Person) -> None:
    async with hearing(app_server) as heard, app_server.database() as owner:
        await owner.execute("update users set name = 'New' where id = $1", voice.id)
        await owner.execute("update users set deactivated_at = now() where id = $1", voice.id)
        await until(lambda: f"users:{voice.id}" in heard)
        assert heard.count(f"users:{voice.id}") == 1
