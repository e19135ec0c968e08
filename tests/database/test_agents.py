"""Agents in the database: three slots, the supervisor's type, tools stored in two forms, a derived status."""

import secrets
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.app_server import AppServer, Person
from tests.database.acting import Connection, acting, as_agent, as_owner, as_person, refused

ADD = """insert into agents (supervisor_id, name, agent_type, system_prompt, mcp_tools)
    values ($1, $2, $3, 'Be kind.', $4) returning id"""


async def add(connection: Connection, person: Person, channel: str = "voice", tools: Any = None) -> UUID:
    found: UUID = await connection.fetchval(ADD, person.id, f"A {secrets.token_hex(3)}", channel, tools)
    return found


async def tools_of(connection: Connection, agent: UUID) -> list[tuple[str, bool]]:
    rows = await connection.fetch(
        "select tool_name, requires_permission from agent_tools where agent_id = $1 order by 1", agent
    )
    return [(row[0], row[1]) for row in rows]


async def column(connection: Connection, agent: UUID, name: str) -> Any:
    return await connection.fetchval(f"select {name} from agents where id = $1", agent)


async def test_the_fourth_agent_is_refused_and_a_retired_one_frees_its_slot(
    app_server: AppServer, voice: Person
) -> None:
    async with as_owner(app_server) as owner:
        second, third = await add(owner, voice), await add(owner, voice)
        async with refused(owner, "FW409"):
            await add(owner, voice)
        await owner.execute("update agents set retired_at = now() where id = $1", second)
        fourth = await add(owner, voice)
        assert await column(owner, fourth, "slot") == 2
        async with refused(owner, "FW409"):
            await owner.execute("update agents set retired_at = null where id = $1", second)
        await owner.execute("update agents set retired_at = now() where id = $1", third)
        await owner.execute("update agents set retired_at = null where id = $1", second)
        assert await column(owner, second, "slot") == 3


async def test_four_agents_in_one_statement_are_refused(app_server: AppServer) -> None:
    nobody_yet = await app_server.hire("voice", agents=0)
    async with as_owner(app_server) as owner:
        many = "insert into agents (supervisor_id, name, agent_type, system_prompt) select $1, 'A ' || n, 'voice', '' from generate_series(1, $2) n"
        async with refused(owner, "FW409"):
            await owner.execute(many, nobody_yet.id, 4)
        await owner.execute(many, nobody_yet.id, 3)


async def test_an_agent_is_of_its_supervisors_type_and_never_an_admins(
    app_server: AppServer, voice: Person
) -> None:
    admin = await app_server.hire("admin")
    async with as_owner(app_server) as owner:
        async with refused(owner, "23503"):
            await add(owner, voice, "chat")
        for channel in ("voice", "chat"):
            async with refused(owner, "23503"):
                await add(owner, admin, channel)


async def test_the_specifications_sample_agent_fills_agent_tools(app_server: AppServer) -> None:
    person = await app_server.hire("voice", agents=0)
    async with as_owner(app_server) as owner:
        await owner.execute("set local role service_role")
        await owner.execute(
            """INSERT INTO agents (supervisor_id, name, agent_type, system_prompt, mcp_tools)
            SELECT id, 'Voice Agent 1', 'voice', 'You are a helpful customer service agent...',
              '{"tools": [{"name": "get_customer", "requires_permission": true}]}'::jsonb
            FROM users WHERE email = $1""",
            person.email,
        )
        agent = await owner.fetchval("select id from agents where supervisor_id = $1", person.id)
        assert await tools_of(owner, agent) == [("get_customer", True)]


async def test_mcp_tools_written_is_agent_tools_read(app_server: AppServer, voice: Person) -> None:
    async with as_owner(app_server) as owner:
        tools = {"tools": [{"name": "b"}, {"name": "a", "requires_permission": True, "config": {"x": 1}}]}
        agent = await add(owner, voice, tools=tools)
        assert await tools_of(owner, agent) == [("a", True), ("b", False)]
        await owner.execute(
            "update agents set mcp_tools = $2 where id = $1",
            agent,
            {"tools": [{"name": "b", "requires_permission": True}, {"name": "c"}]},
        )
        assert await tools_of(owner, agent) == [("b", True), ("c", False)]
        await owner.execute("update agents set mcp_tools = null where id = $1", agent)
        assert await tools_of(owner, agent) == []


async def test_agent_tools_written_is_mcp_tools_read(app_server: AppServer, voice: Person) -> None:
    async with as_owner(app_server) as owner:
        agent = await add(owner, voice)
        await owner.execute(
            "insert into agent_tools (agent_id, tool_name, requires_permission, tool_config) values ($1, 'b', true, '{\"y\": [1]}'), ($1, 'a', false, null)",
            agent,
        )
        expected = [
            {"name": "a", "requires_permission": False},
            {"name": "b", "requires_permission": True, "config": {"y": [1]}},
        ]
        assert (await column(owner, agent, "mcp_tools"))["tools"] == expected
        await owner.execute(
            "update agent_tools set requires_permission = true where agent_id = $1 and tool_name = 'a'", agent
        )
        assert (await column(owner, agent, "mcp_tools"))["tools"][0]["requires_permission"] is True
        await owner.execute("delete from agent_tools where agent_id = $1 and tool_name = 'b'", agent)
        assert [t["name"] for t in (await column(owner, agent, "mcp_tools"))["tools"]] == ["a"]
        # Writing back what was read changes nothing on either side.
        before = await column(owner, agent, "mcp_tools")
        await owner.execute("update agents set mcp_tools = $2 where id = $1", agent, before)
        assert await column(owner, agent, "mcp_tools") == before


@pytest.mark.parametrize(
    "tools", [[], {"tools": {}}, {"tools": ["issue_refund"]}, {"tools": [{}]}, {"tools": [{"name": ""}]}, {"tools": [{"name": "a", "requires_permission": "perhaps"}]}]
)  # fmt: skip
async def test_tools_of_another_shape_are_refused(app_server: AppServer, voice: Person, tools: Any) -> None:
    async with as_owner(app_server) as owner:
        with pytest.raises(asyncpg.PostgresError):
            await add(owner, voice, tools=tools)


async def test_only_its_supervisor_or_an_admin_pauses_an_agent(
    app_server: AppServer, voice: Person, chat: Person
) -> None:
    agent, admin = voice.agents[0].id, await app_server.hire("admin")
    pause = "select status from set_agent_paused($1, $2)"
    async with as_person(app_server, chat) as outsider, refused(outsider, "FW404"):
        await outsider.fetchval(pause, agent, True)
    async with as_person(app_server, voice) as owner:
        assert await owner.fetchval(pause, agent, True) == "paused"
    async with as_person(app_server, admin) as boss:
        assert await boss.fetchval(pause, agent, True) == "paused"
        assert await boss.fetchval(pause, agent, False) == "idle"
    async with as_agent(app_server, voice.agents[0]) as itself, refused(itself, "42501"):
        await itself.fetchval(pause, agent, False)


async def test_a_revoked_key_and_a_retired_agent_are_nobody(
    app_server: AppServer, voice: Person, chat: Person
) -> None:
    async with app_server.database() as owner:
        await owner.execute(
            "update agent_keys set revoked_at = now() where agent_id = $1", voice.agents[0].id
        )
        await owner.execute("update agents set retired_at = now() where id = $1", chat.agents[0].id)
    for person in (voice, chat):
        async with as_agent(app_server, person.agents[0]) as agent:
            assert await agent.fetchval("select count(*) from agents") == 0


async def test_nobody_reads_a_keys_hash_but_the_service(app_server: AppServer, voice: Person) -> None:
    async with as_person(app_server, voice) as owner:
        assert await owner.fetchval("select count(hint) from agent_keys") == 1
        async with refused(owner, "42501"):
            await owner.fetch("select key_hash from agent_keys")


async def test_an_agent_that_moves_takes_its_history_along(app_server: AppServer, voice: Person) -> None:
    other = await app_server.hire("voice", agents=0)
    agent = voice.agents[0]
    interaction = await app_server.start(agent)
    async with app_server.api(agent) as api:
        await api.post(f"/interactions/{interaction}/metrics", json={"satisfaction_score": 50})
    await app_server.ask(agent, interaction)
    async with acting(app_server, "service_role", keep=True) as service:
        await service.execute("update agents set supervisor_id = $2 where id = $1", agent.id, other.id)
    tables = ("interactions", "interaction_pulse", "realtime_metrics", "tool_permissions")
    async with as_person(app_server, other) as new, as_person(app_server, voice) as old:
        assert [await new.fetchval(f"select count(*) from {t}") for t in tables] == [1, 1, 1, 1]
        assert [await old.fetchval(f"select count(*) from {t}") for t in tables] == [0, 0, 0, 0]
