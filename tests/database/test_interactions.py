"""The life of an interaction in the database: one active per agent, ended once, and everything that follows its end."""

from typing import Any
from uuid import UUID

import pytest

from tests.app_server import AppServer, Person
from tests.database.acting import Connection, as_agent, as_owner, refused

START = "insert into interactions (agent_id, interaction_type) values ($1, $2) returning id"


async def start(connection: Connection, person: Person, channel: str = "voice") -> UUID:
    found: UUID = await connection.fetchval(START, person.agents[0].id, channel)
    return found


async def one(connection: Connection, interaction: UUID, columns: str) -> Any:
    row = await connection.fetchrow(f"select {columns} from interactions where id = $1", interaction)
    return tuple(row) if row else None


async def test_an_interaction_is_of_the_agents_type(app_server: AppServer, voice: Person) -> None:
    async with as_owner(app_server) as owner, refused(owner, "FW422"):
        await start(owner, voice, "chat")


@pytest.mark.parametrize(
    "number", ["12345678", "+0123456789", "+1 850 555", "+12345", "+1234567890123456", "+1850555015x", ""]
)
async def test_a_number_that_is_not_international_is_refused(
    app_server: AppServer, voice: Person, number: str
) -> None:
    async with as_agent(app_server, voice.agents[0]) as agent:
        interaction = await start(agent, voice)
        async with refused(agent, "23514"):
            await agent.execute(
                "update interactions set phone_number = $2 where id = $1", interaction, number
            )


async def test_times_that_contradict_are_refused(app_server: AppServer, voice: Person) -> None:
    async with as_owner(app_server) as owner:
        interaction = await start(owner, voice)
        async with refused(owner, "23514"):
            await owner.execute("update interactions set ended_at = now() where id = $1", interaction)
        ended = "insert into interactions (agent_id, interaction_type, status, started_at, ended_at) values ($1, 'voice', 'completed', now(), now() - interval '1 s')"
        async with refused(owner, "23514"):
            await owner.execute(ended, voice.agents[0].id)
        async with refused(owner, "428C9"):
            await owner.execute("update interactions set duration_seconds = 1 where id = $1", interaction)


async def test_it_ends_once_and_everything_follows(app_server: AppServer, voice: Person) -> None:
    async with as_agent(app_server, voice.agents[0]) as agent:
        interaction = await start(agent, voice)
        ask = "insert into tool_permissions (interaction_id, tool_name) values ($1, $2) returning id"
        pending = await agent.fetchval(ask, interaction, "issue_refund")
        allowed = await agent.fetchval(ask, interaction, "check_order")
        assert await agent.fetchval("select count(*) from interaction_pulse") == 1
        await agent.execute("update interactions set status = 'completed' where id = $1", interaction)
        assert await one(agent, interaction, "status, ended_at >= started_at, duration_seconds") == (
            "completed",
            True,
            0,
        )
        assert await agent.fetchval("select count(*) from interaction_pulse") == 0
        states = {row[0]: row[1] for row in await agent.fetch("select id, status from tool_permissions")}
        assert states == {pending: "cancelled", allowed: "allowed"}
        assert await agent.fetchval(
            "select responded_at is not null from tool_permissions where id = $1", pending
        )
        before = await one(agent, interaction, "ended_at")
        await agent.execute("update interactions set status = 'completed' where id = $1", interaction)
        assert await one(agent, interaction, "ended_at") == before
        for status in ("failed", "active"):
            async with refused(agent, "FW409"):
                await agent.execute("update interactions set status = $2 where id = $1", interaction, status)


async def test_after_the_end_nothing_is_asked_nor_measured(app_server: AppServer, voice: Person) -> None:
    async with as_agent(app_server, voice.agents[0]) as agent:
        interaction = await start(agent, voice)
        archive = "insert into interaction_archives (interaction_id, summary) values ($1, 'x')"
        async with refused(agent, "FW409"):
            await agent.execute(archive, interaction)
        await agent.execute("update interactions set status = 'failed' where id = $1", interaction)
        async with refused(agent, "FW409"):
            await agent.execute(
                "insert into tool_permissions (interaction_id, tool_name) values ($1, 'issue_refund')",
                interaction,
            )
        await agent.execute(archive, interaction)
        async with refused(agent, "23505"):
            await agent.execute(archive, interaction)
    async with as_owner(app_server) as owner:
        interaction = await start(owner, voice)
        await owner.execute("update interactions set status = 'failed' where id = $1", interaction)
        async with refused(owner, "FW409"):
            await owner.execute(
                "insert into realtime_metrics (interaction_id, sentiment) values ($1, 'good')", interaction
            )


async def test_a_turn_counts_as_a_sign_of_life(app_server: AppServer, voice: Person) -> None:
    async with as_owner(app_server) as owner:
        interaction = await start(owner, voice)
        old = "update interaction_pulse set last_seen_at = now() - interval '5 minutes' where interaction_id = $1"
        await owner.execute(old, interaction)
        await owner.execute(
            "insert into interaction_turns (interaction_id, speaker, text) values ($1, 'agent', 'x')",
            interaction,
        )
        assert await owner.fetchval(
            "select last_seen_at >= now() from interaction_pulse where interaction_id = $1", interaction
        )


async def test_people_and_agents_with_history_are_not_deleted(app_server: AppServer, voice: Person) -> None:
    async with as_owner(app_server) as owner:
        await start(owner, voice)
        for statement, row in (
            ("delete from agents where id = $1", voice.agents[0].id),
            ("delete from users where id = $1", voice.id),
            ("delete from auth.users where id = $1", voice.id),
        ):
            async with refused(owner, "23001", "23503"):  # the second before PostgreSQL 18
                await owner.execute(statement, row)
