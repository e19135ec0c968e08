"""The specification's own queries and sample rows as printed, where they can mean what they say."""

from dataclasses import dataclass
from uuid import UUID

import asyncpg
import pytest

from server.kernel.db import migrations
from tests.app_server import AppServer, Person
from tests.database.acting import Connection, as_owner, become

SLOW = "SELECT query, calls, mean_exec_time, max_exec_time FROM pg_stat_statements ORDER BY mean_exec_time DESC LIMIT 10"
SIZES = """
SELECT schemaname, tablename, pg_size_pretty(pg_total_relation_size(schemaname||'.'||tablename)) AS size
FROM pg_tables WHERE schemaname = 'public' ORDER BY pg_total_relation_size(schemaname||'.'||tablename) DESC
"""
AGENT = """
INSERT INTO agents (supervisor_id, name, agent_type, system_prompt, mcp_tools)
SELECT id, 'Voice Agent 1', 'voice', 'You are a helpful customer service agent...',
  '{"tools": [{"name": "get_customer", "requires_permission": true}]}'::jsonb
FROM users WHERE email = $1
RETURNING id
"""
TOOL = """
INSERT INTO agent_tools (agent_id, tool_name, tool_config, requires_permission)
VALUES ($1, 'issue_refund', '{"endpoint": "https://api.example.com/refund", "method": "POST", "auth_type": "bearer", "params": {"timeout": 30, "retry_count": 3}}', TRUE)
"""


async def an_agent(owner: Connection, person: Person) -> UUID:
    agent: UUID = await owner.fetchval(AGENT, person.email)
    return agent


async def test_the_sample_agent_is_a_plain_insert(app_server: AppServer) -> None:
    person = await app_server.hire("voice", agents=0)
    async with as_owner(app_server) as owner:
        agent = await an_agent(owner, person)
        await owner.execute(TOOL, agent)
        rows = await owner.fetch(
            "SELECT tool_name, requires_permission FROM agent_tools WHERE agent_id = $1 ORDER BY 1", agent
        )
    assert [tuple(row) for row in rows] == [("get_customer", True), ("issue_refund", True)]


async def test_an_interaction_is_written_by_sql_alone_from_start_to_archive(app_server: AppServer) -> None:
    """As `service_role`, with nothing but the specification's columns."""
    person = await app_server.hire("voice", agents=0)
    async with as_owner(app_server) as owner:
        agent = await an_agent(owner, person)
        await owner.execute("set local role service_role")
        call = await owner.fetchval(
            "INSERT INTO interactions (agent_id, phone_number, interaction_type, livekit_room_id) VALUES ($1, '+18505550100', 'voice', 'room-1') RETURNING id",
            agent,
        )
        assert await owner.fetchval("SELECT status FROM agents WHERE id = $1", agent) == "in_call"
        await owner.execute(
            "INSERT INTO realtime_metrics (interaction_id, sentiment, satisfaction_score, feed_text) VALUES ($1, 'good', 85.5, 'Asks for a refund')",
            call,
        )
        asked = await owner.fetchval(
            "INSERT INTO tool_permissions (interaction_id, tool_name, tool_description) VALUES ($1, 'get_customer', 'Looks up') RETURNING id",
            call,
        )
        await owner.execute(
            "UPDATE interactions SET status = 'completed', ended_at = NOW() WHERE id = $1", call
        )
        await owner.execute(
            """INSERT INTO interaction_archives (interaction_id, summary, issues, tags, csat_score, resolution_time_seconds)
            VALUES ($1, 'Customer asked for a refund', '[{"issue": "Refund", "status": "resolved", "priority": "high"}]',
              '{"topics": ["refund"], "sentiment": "good", "issues": [{"tag": "refund", "status": "resolved"}]}', 92.5, 180)""",
            call,
        )
        await owner.execute("reset role")
        await become(owner, person)
        row = await owner.fetchrow("SELECT * FROM supervisor_performance WHERE supervisor_id = $1", person.id)
        assert row is not None
        assert (row["total_agents"], row["total_interactions"], row["active_interactions"]) == (1, 1, 0)
        assert (float(row["avg_csat"]), float(row["avg_resolution_time"]), row["fcr_percentage"]) == (
            92.5,
            180,
            100,
        )
        assert await owner.fetchval("SELECT status FROM tool_permissions WHERE id = $1", asked) == "cancelled"
        assert await owner.fetchval("SELECT calculate_performance_score($1, 'today')", person.id) >= 0
        assert (
            await owner.fetchval(
                "SELECT total_interactions FROM agent_performance WHERE agent_id = $1", agent
            )
            == 1
        )


async def test_the_operators_queries_answer(app_server: AppServer) -> None:
    async with as_owner(app_server) as owner:
        assert len(await owner.fetch(SLOW)) == 10
        assert {"users", "agents", "interactions"} <= {row["tablename"] for row in await owner.fetch(SIZES)}
        assert await owner.fetchval("SELECT cleanup_old_archives(90)") == 0


@dataclass(frozen=True, slots=True)
class Refused:
    """A statement that the specification prints, how PostgreSQL refuses it, and what does the same."""

    printed: str
    words: str
    instead: str


REFUSED = {
    "durations": Refused(
        "UPDATE interactions SET status = 'completed', ended_at = NOW(), duration_seconds = 60 WHERE id = $1",
        'column "duration_seconds" can only be updated to DEFAULT',
        "UPDATE interactions SET status = 'completed', ended_at = NOW() WHERE id = $1",
    ),
    "decisions": Refused(
        "UPDATE tool_permissions SET status = 'timeout', supervisor_response = 'timeout' WHERE interaction_id = $1",
        'column "supervisor_response" can only be updated to DEFAULT',
        "UPDATE tool_permissions SET status = 'cancelled' WHERE interaction_id = $1",
    ),
    "allows": Refused(
        "UPDATE tool_permissions SET status = 'allowed' WHERE interaction_id = $1",
        "tool_permissions_decided",
        "UPDATE tool_permissions SET status = 'cancelled' WHERE interaction_id = $1",
    ),
    "the daily delete": Refused(
        "DELETE FROM realtime_metrics WHERE interaction_id = $1 AND created_at < NOW() - INTERVAL '24 hours'",
        "permission denied for table realtime_metrics",
        "SELECT count(*) FROM realtime_metrics WHERE interaction_id = $1",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_the_database_does_itself_is_refused_and_another_statement_does_it(
    app_server: AppServer, name: str
) -> None:
    case = REFUSED[name]
    person = await app_server.hire("voice", agents=0)
    async with as_owner(app_server) as owner:
        agent = await an_agent(owner, person)
        await owner.execute("set local role service_role")
        call = await owner.fetchval(
            "INSERT INTO interactions (agent_id, interaction_type) VALUES ($1, 'voice') RETURNING id", agent
        )
        await owner.execute(
            "INSERT INTO tool_permissions (interaction_id, tool_name) VALUES ($1, 'get_customer')", call
        )
        with pytest.raises(asyncpg.PostgresError, match=case.words):
            async with owner.transaction():
                await owner.execute(case.printed, call)
        assert (await owner.execute(case.instead, call)).endswith(" 1")


async def test_the_sample_agent_is_there_and_a_fourth_is_refused_in_words(app_server: AppServer) -> None:
    async with as_owner(app_server) as owner:
        await owner.execute((migrations.FOLDER / "seed.sql").read_text())
        sample = "select count(*) from agents a join users u on u.id = a.supervisor_id where u.email = $1 and a.name = 'Voice Agent 1'"
        assert await owner.fetchval(sample, "supervisor1@example.com") == 1
        with pytest.raises(asyncpg.PostgresError, match="a supervisor has at most three agents"):
            await owner.execute(AGENT, "supervisor1@example.com")
