"""Records: who did what, how an agent was set up, whose agent it is; and that nobody changes them."""

from typing import Any

import pytest

from tests.app_server import AppServer, Person
from tests.database.acting import Connection, as_owner, become, refused


async def recorded(connection: Connection, row_id: object) -> list[tuple[str, str, dict[str, Any]]]:
    rows = await connection.fetch(
        "select actor, action, changes from audit_logs where row_id = $1 order by id", str(row_id)
    )
    return [(row["actor"], row["action"], row["changes"]) for row in rows]


async def test_a_decision_is_recorded_with_who_made_it(app_server: AppServer, voice: Person) -> None:
    interaction = await app_server.start(voice.agents[0])
    asked = await app_server.ask(voice.agents[0], interaction)
    async with as_owner(app_server) as owner:
        await become(owner, voice)
        await owner.execute(
            "select from decide_tool_permission($1, 'denied', 'The customer is Ann.', $2)",
            asked["id"],
            asked["arguments_digest"],
        )
        assert await recorded(owner, asked["id"]) == [
            (
                voice.username,
                "tool_permissions.update",
                {"status": ["pending", "denied"], "responded_by_name": [None, voice.username]},
            )
        ]


async def test_what_a_rule_or_time_decides_is_no_persons_act(app_server: AppServer, voice: Person) -> None:
    interaction = await app_server.start(voice.agents[0])
    allowed = await app_server.ask(voice.agents[0], interaction, tool_name="check_order")
    pending = await app_server.ask(voice.agents[0], interaction)
    async with as_owner(app_server) as owner:
        await owner.execute("update interactions set status = 'failed' where id = $1", interaction)
        assert await recorded(owner, allowed["id"]) == await recorded(owner, pending["id"]) == []


async def test_a_pause_and_a_revoked_key_are_recorded_without_secrets(
    app_server: AppServer, voice: Person
) -> None:
    agent = voice.agents[0]
    async with as_owner(app_server) as owner:
        key = await owner.fetchval(
            "update agent_keys set revoked_at = now() where agent_id = $1 returning id", agent.id
        )
        assert [(actor, action, [*changes]) for actor, action, changes in await recorded(owner, key)] == [
            ("postgres", "agent_keys.insert", ["hint", "name"]),
            ("postgres", "agent_keys.update", ["revoked_at"]),
        ]
        await become(owner, voice)
        await owner.execute("select from set_agent_paused($1, true)", agent.id)
        actor, action, changes = (await recorded(owner, agent.id))[-1]
        assert (actor, action, [*changes]) == (voice.username, "agents.update", ["paused_at"])


async def test_what_does_not_count_is_not_recorded(app_server: AppServer, voice: Person) -> None:
    async with as_owner(app_server) as owner:
        before = await recorded(owner, voice.agents[0].id)
        await owner.execute(
            "update agents set system_prompt = 'secret of the house', status = status where id = $1",
            voice.agents[0].id,
        )
        await owner.execute("update users set updated_at = now() where id = $1", voice.id)
        assert await recorded(owner, voice.agents[0].id) == before


@pytest.mark.parametrize(
    "statement",
    ["update audit_logs set actor = 'nobody'", "delete from audit_logs", "truncate audit_logs", "truncate audit_logs cascade",
     "update audit_logs set actor = 'nobody' where false", "truncate agent_versions"],
)  # fmt: skip
@pytest.mark.parametrize("role", ["postgres", "supabase_admin"])
async def test_what_is_recorded_stays_for_every_role(
    app_server: AppServer, role: str, statement: str
) -> None:
    async with (
        app_server.database(role) as connection,
        connection.transaction(),
        refused(connection, "FW403"),
    ):
        await connection.execute(statement)


async def test_every_setup_of_an_agent_is_a_version(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0].id
    versions = "select version, name, system_prompt, jsonb_array_length(mcp_tools -> 'tools') as tools, created_by from agent_versions where agent_id = $1 order by version"
    async with as_owner(app_server) as owner:
        first = [tuple(row) for row in await owner.fetch(versions, agent)]
        assert [(row[0], row[2], row[3]) for row in first] == [(1, "Be kind.", 2)]
        await owner.execute("update agents set system_prompt = 'Be brief.' where id = $1", agent)
        await owner.execute(
            "insert into agent_tools (agent_id, tool_name) values ($1, 'third'), ($1, 'fourth')", agent
        )
        await owner.execute("update agents set paused_at = now() where id = $1", agent)
        later = [tuple(row) for row in await owner.fetch(versions, agent)]
        assert later == [*first, (2, first[0][1], "Be brief.", 4, None)]


async def test_an_admin_moves_an_agent_with_everything_it_did(app_server: AppServer, voice: Person) -> None:
    other, admin = await app_server.hire("voice", agents=1), await app_server.hire("admin")
    agent = voice.agents[0]
    live = await app_server.start(agent)
    await app_server.ask(agent, live)
    async with as_owner(app_server) as owner:
        await become(owner, admin)
        await owner.execute("select from move_agent($1, $2)", agent.id, other.id)
        assert (await recorded(owner, agent.id))[-1] == (
            admin.name,
            "agents.update",
            {"supervisor_id": [str(voice.id), str(other.id)]},
        )
        await become(owner, other)
        for table in ("interactions", "interaction_pulse", "tool_permissions"):
            assert await owner.fetchval(f"select count(*) from {table} where agent_id = $1", agent.id) == 1
        await become(owner, voice)
        assert await owner.fetchval("select count(*) from interactions where agent_id = $1", agent.id) == 0


async def test_an_agent_moves_only_where_it_fits(app_server: AppServer, voice: Person, chat: Person) -> None:
    full, admin = await app_server.hire("voice", agents=3), await app_server.hire("admin")
    gone = await app_server.hire("voice", agents=1)
    async with as_owner(app_server) as owner:
        await owner.execute("update users set deactivated_at = now() where id = $1", gone.id)
        await owner.execute("update agents set retired_at = now() where id = $1", gone.agents[0].id)
        await become(owner, admin)
        for agent, supervisor, state in (
            (voice.agents[0].id, full.id, "FW409"),
            (voice.agents[0].id, chat.id, "FW422"),
            (voice.agents[0].id, gone.id, "FW404"),
            (voice.agents[0].id, admin.id, "FW404"),
            (gone.agents[0].id, voice.id, "FW409"),
            (None, voice.id, "FW404"),
        ):
            async with refused(owner, state):
                await owner.execute("select from move_agent($1, $2)", agent, supervisor)
        for person in (voice, full):
            await become(owner, person)
            async with refused(owner, "FW403"):
                await owner.execute("select from move_agent($1, $2)", voice.agents[0].id, full.id)


async def test_a_saved_view_is_a_persons_own_and_has_limits(
    app_server: AppServer, voice: Person, chat: Person
) -> None:
    save = "insert into saved_views (page, name, filters) values ($1, $2, $3)"
    async with as_owner(app_server) as owner:
        await become(owner, voice)
        await owner.execute(save, "interactions", "Worst first", {"sentiment": "critical"})
        for page, name, filters, state in (
            ("interactions", "Worst first", {}, "23505"),
            ("interactions", "", {}, "23514"),
            ("interactions", "x" * 101, {}, "23514"),
            ("/", "x", {}, "23514"),
            ("interactions", "x", [], "23514"),
            ("interactions", "x", {"x": "x" * 4000}, "23514"),
        ):
            async with refused(owner, state):
                await owner.execute(save, page, name, filters)
        await become(owner, chat)
        assert await owner.fetchval("select count(*) from saved_views") == 0


async def test_the_system_report_knows_tables_indexes_and_slow_queries(app_server: AppServer) -> None:
    admin = await app_server.hire("admin")
    async with as_owner(app_server) as owner:
        await become(owner, admin)
        report = await owner.fetchval("select system_report()")
    assert report["database"]["bytes"] > 1_000_000
    assert {"public.interactions", "private.settings"} <= {table["name"] for table in report["tables"]}
    assert [t["bytes"] for t in report["tables"]] == sorted(
        (t["bytes"] for t in report["tables"]), reverse=True
    )
    assert all(index["name"].startswith(("public.", "private.")) for index in report["unused_indexes"])
    assert len(report["slow"]) == 10
    assert [one["mean"] for one in report["slow"]] == sorted(
        (one["mean"] for one in report["slow"]), reverse=True
    )
