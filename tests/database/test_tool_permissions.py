"""A tool permission in the database: asked, decided once and in time, executed once, for every role that writes."""

import hashlib
from typing import Any
from uuid import UUID

import pytest

from tests.app_server import AppServer, Person
from tests.database.acting import Connection, as_agent, as_owner, become, refused
from tests.database.test_interactions import start

ASK = "insert into tool_permissions (interaction_id, tool_name, arguments) values ($1, $2, $3) returning id"
DECIDE = """select status from decide_tool_permission($1, $2, $3,
  coalesce((select arguments_digest from tool_permissions where id = $1), ''))"""


async def ask(connection: Connection, interaction: UUID, tool: str = "issue_refund") -> UUID:
    found: UUID = await connection.fetchval(ASK, interaction, tool, {"b": 1, "a": [2.50, None]})
    return found


async def row(connection: Connection, permission: UUID) -> dict[str, Any]:
    found = await connection.fetchrow("select * from tool_permissions where id = $1", permission)
    assert found is not None
    return dict(found)


async def test_the_database_fills_in_who_until_when_and_the_digest(
    app_server: AppServer, voice: Person
) -> None:
    async with as_agent(app_server, voice.agents[0]) as agent:
        found = await row(agent, await ask(agent, await start(agent, voice)))
        text = await agent.fetchval("select arguments::text from tool_permissions where id = $1", found["id"])
    assert (found["status"], found["supervisor_id"], found["known_tool"]) == ("pending", voice.id, True)
    assert found["arguments_digest"] == hashlib.sha256(text.encode()).hexdigest()
    assert list(found["arguments"]) == ["b", "a"]
    assert (found["expires_at"] - found["requested_at"]).total_seconds() == 360
    assert found["tool_description"] == "Pays money back"


async def test_what_needs_no_permission_is_allowed_and_what_is_unknown_asks(
    app_server: AppServer, voice: Person
) -> None:
    async with as_agent(app_server, voice.agents[0]) as agent:
        live = await start(agent, voice)
        free = await row(agent, await ask(agent, live, "check_order"))
        unknown = await row(agent, await ask(agent, live, "check_order "))
    assert (free["status"], free["rule"], free["responded_by"]) == ("allowed", "not_required", None)
    assert (free["execute_before"] - free["requested_at"]).total_seconds() == 120
    assert (unknown["status"], unknown["known_tool"]) == ("pending", False)


async def test_a_supervisor_decides_once_and_an_admin_may_too(
    app_server: AppServer, voice: Person, chat: Person
) -> None:
    admin = await app_server.hire("admin")
    async with as_owner(app_server) as owner:
        live = await start(owner, voice)
        first, second = await ask(owner, live), await ask(owner, live)
        await become(owner, chat)
        async with refused(owner, "FW404"):
            await owner.fetchval(DECIDE, first, "allowed", None)
        await become(owner, voice)
        assert await owner.fetchval(DECIDE, first, "denied", "  not without a receipt ") == "denied"
        assert await owner.fetchval(DECIDE, first, "allowed", None) is None
        await become(owner, admin)
        assert await owner.fetchval(DECIDE, first, "allowed", None) is None
        assert await owner.fetchval(DECIDE, second, "allowed", "") == "allowed"
        await owner.execute("reset role")
        denied, allowed = await row(owner, first), await row(owner, second)
    assert (denied["responded_by_name"], denied["reason"], denied["supervisor_response"]) == (
        voice.username,
        "not without a receipt",
        "denied",
    )
    assert denied["execute_before"] is None
    assert (allowed["responded_by"], allowed["responded_by_name"], allowed["reason"]) == (
        admin.id,
        admin.name,
        None,
    )


@pytest.mark.parametrize("status", ["pending", "timeout", "cancelled", "yes", "", None])
async def test_a_decision_is_allowed_or_denied(
    app_server: AppServer, voice: Person, status: str | None
) -> None:
    async with as_owner(app_server) as owner:
        permission = await ask(owner, await start(owner, voice))
        await become(owner, voice)
        async with refused(owner, "FW422"):
            await owner.fetchval(DECIDE, permission, status, None)


async def test_a_decision_is_for_the_arguments_that_were_asked(app_server: AppServer, voice: Person) -> None:
    decide = "select status from decide_tool_permission($1, 'allowed', null, $2)"
    async with as_owner(app_server) as owner:
        permission = await ask(owner, await start(owner, voice))
        digest = (await row(owner, permission))["arguments_digest"]
        await become(owner, voice)
        async with refused(owner, "FW422"):
            await owner.fetchval(decide, permission, None)
        for other in ("", "x", digest.upper()):
            assert await owner.fetchval(decide, permission, other) is None
        assert (await row(owner, permission))["status"] == "pending"
        assert await owner.fetchval(decide, permission, digest) == "allowed"


async def test_what_was_asked_does_not_change(app_server: AppServer, voice: Person) -> None:
    async with as_owner(app_server) as owner:
        permission = await ask(owner, await start(owner, voice))
        for change in (
            "arguments = '{}'",
            "tool_name = 'x'",
            "expires_at = expires_at + interval '1 h'",
            "arguments_digest = 'x'",
        ):
            async with refused(owner, "FW409"):
                await owner.execute(f"update tool_permissions set {change} where id = $1", permission)


@pytest.mark.parametrize(
    "contradiction",
    ["responded_at = now()", "execute_before = now()", "execution_id = gen_random_uuid()", "executed_at = now()", "responded_by = supervisor_id", "reason = repeat('x', 1001)", "execution_succeeded = true", "status = 'allowed'"],
)  # fmt: skip
async def test_a_pending_row_that_contradicts_itself_is_refused(
    app_server: AppServer, voice: Person, contradiction: str
) -> None:
    async with as_owner(app_server) as owner:
        permission = await ask(owner, await start(owner, voice))
        async with refused(owner, "23514"):
            await owner.execute(f"update tool_permissions set {contradiction} where id = $1", permission)


async def test_a_claim_is_its_agents_and_for_the_same_arguments(
    app_server: AppServer, voice: Person, chat: Person
) -> None:
    agent = voice.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent), tool_name="check_order")
    permission, digest = UUID(asked["id"]), asked["arguments_digest"]
    claim = "select claim_execution($1, $2)"
    async with as_agent(app_server, chat.agents[0]) as other, refused(other, "FW404"):
        await other.fetchval(claim, permission, digest)
    async with as_agent(app_server, agent) as mine:
        for mark in ("x", "", None, digest.upper()):
            async with refused(mine, "FW409"):
                await mine.fetchval(claim, permission, mark)
        assert await mine.fetchval(claim, permission, digest)
