"""A tool permission in the database: asked, decided once and in time, executed once, whoever writes."""

import asyncio
import hashlib
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.database.acting import Connection, acting, as_agent, as_owner, as_person, become, refused
from tests.database.test_interactions import start
from tests.site import Person, Site

ASK = "insert into tool_permissions (interaction_id, tool_name, arguments) values ($1, $2, $3) returning id"
DECIDE = "select status from decide_tool_permission($1, $2, $3)"


async def ask(connection: Connection, interaction: UUID, tool: str = "issue_refund") -> UUID:
    found: UUID = await connection.fetchval(ASK, interaction, tool, {"b": 1, "a": [2.50, None]})
    return found


async def row(connection: Connection, permission: UUID) -> dict[str, Any]:
    found = await connection.fetchrow("select * from tool_permissions where id = $1", permission)
    assert found is not None
    return dict(found)


async def expire(owner: Connection, permission: UUID) -> None:
    """Make it older than it is, behind the back of its guard."""
    await owner.execute("alter table tool_permissions disable trigger tool_permissions_11_guard")
    await owner.execute(
        "update tool_permissions set expires_at = clock_timestamp() - interval '1 ms' where id = $1",
        permission,
    )
    await owner.execute("alter table tool_permissions enable trigger tool_permissions_11_guard")


async def test_the_database_fills_in_who_until_when_and_the_digest(site: Site, voice: Person) -> None:
    async with as_agent(site, voice.agents[0]) as agent:
        found = await row(agent, await ask(agent, await start(agent, voice)))
        text = await agent.fetchval("select arguments::text from tool_permissions where id = $1", found["id"])
    assert (found["status"], found["supervisor_id"], found["known_tool"]) == ("pending", voice.id, True)
    assert found["arguments_digest"] == hashlib.sha256(text.encode()).hexdigest()
    assert list(found["arguments"]) == ["b", "a"]
    assert (found["expires_at"] - found["requested_at"]).total_seconds() == 360
    assert found["tool_description"] == "Pays money back"


async def test_what_needs_no_permission_is_allowed_and_what_is_unknown_asks(
    site: Site, voice: Person
) -> None:
    async with as_agent(site, voice.agents[0]) as agent:
        live = await start(agent, voice)
        free = await row(agent, await ask(agent, live, "check_order"))
        unknown = await row(agent, await ask(agent, live, "check_order "))
    assert (free["status"], free["rule"], free["responded_by"]) == ("allowed", "not_required", None)
    assert (free["execute_before"] - free["requested_at"]).total_seconds() == 120
    assert (unknown["status"], unknown["known_tool"]) == ("pending", False)


async def test_a_supervisor_decides_once_and_an_admin_may_too(
    site: Site, voice: Person, chat: Person
) -> None:
    admin = await site.hire("admin")
    async with as_owner(site) as owner:
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
async def test_a_decision_is_allowed_or_denied(site: Site, voice: Person, status: str | None) -> None:
    async with as_owner(site) as owner:
        permission = await ask(owner, await start(owner, voice))
        await become(owner, voice)
        async with refused(owner, "FW422"):
            await owner.fetchval(DECIDE, permission, status, None)


async def test_of_many_decisions_at_once_one_counts(site: Site, voice: Person) -> None:
    agent = voice.agents[0]
    permission = UUID((await site.ask(agent, await site.start(agent)))["id"])

    async def decide(status: str) -> str | None:
        async with as_person(site, voice, keep=True) as person:
            found: str | None = await person.fetchval(DECIDE, permission, status, None)
            return found

    found = await asyncio.gather(*(decide(s) for s in ("allowed", "denied") * 4))
    assert len([status for status in found if status]) == 1


async def test_expiry_is_judged_by_the_databases_clock(site: Site, voice: Person) -> None:
    async with as_owner(site) as owner:
        permission = await ask(owner, await start(owner, voice))
        await expire(owner, permission)
        await become(owner, voice)
        assert await owner.fetchval(DECIDE, permission, "allowed", None) is None
        assert await owner.fetchval(DECIDE, permission, "denied", None) is None
        await owner.execute("reset role")
        async with refused(owner, "FW409"):
            await owner.execute(
                """update tool_permissions set status = 'allowed', responded_at = now(), responded_by = $2, responded_by_name = 'x',
                execute_before = now() where id = $1""",
                permission,
                voice.id,
            )
        assert await owner.fetchval("select private.expire_tool_permissions()") >= 1
        found = await row(owner, permission)
        assert (found["status"], found["supervisor_response"]) == ("timeout", "timeout")
        assert found["responded_at"] >= found["expires_at"]
        assert found["responded_by"] is None


async def test_nobody_rewrites_what_was_decided_not_even_the_service_key(site: Site, voice: Person) -> None:
    agent = voice.agents[0]
    permission = UUID((await site.ask(agent, await site.start(agent)))["id"])
    async with as_person(site, voice, keep=True) as person:
        await person.fetchval(DECIDE, permission, "denied", None)
    async with acting(site, "service_role") as service:
        for status in ("pending", "allowed", "timeout", "cancelled"):
            async with refused(service, "FW409"):
                await service.execute(
                    "update tool_permissions set status = $2 where id = $1", permission, status
                )
        async with refused(service, "FW409"):
            await service.execute(
                "update tool_permissions set responded_at = now() - interval '1 day' where id = $1",
                permission,
            )
        async with refused(service, "42501"):
            await service.execute("delete from tool_permissions where id = $1", permission)


async def test_the_service_key_cannot_allow_in_a_persons_place(site: Site, voice: Person) -> None:
    async with as_owner(site) as owner:
        permission = await ask(owner, await start(owner, voice))
        await owner.execute("set local role service_role")
        for status in ("allowed", "denied"):
            async with refused(owner, "23514"):
                await owner.execute(
                    "update tool_permissions set status = $2, responded_at = now() where id = $1",
                    permission,
                    status,
                )


async def test_what_was_asked_does_not_change(site: Site, voice: Person) -> None:
    async with as_owner(site) as owner:
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
    site: Site, voice: Person, contradiction: str
) -> None:
    async with as_owner(site) as owner:
        permission = await ask(owner, await start(owner, voice))
        async with refused(owner, "23514"):
            await owner.execute(f"update tool_permissions set {contradiction} where id = $1", permission)


async def test_a_claim_is_for_the_same_arguments_in_time_while_it_lives_and_once(
    site: Site, voice: Person, chat: Person
) -> None:
    agent = voice.agents[0]
    live = await site.start(agent)
    free = [UUID((await site.ask(agent, live, tool_name="check_order"))["id"]) for _ in range(2)]
    pending = UUID((await site.ask(agent, live))["id"])
    claim = "select claim_execution($1, $2)"
    async with as_agent(site, chat.agents[0]) as other, refused(other, "FW404"):
        await other.fetchval(claim, free[0], "x")
    async with as_agent(site, agent) as mine:
        digest = await mine.fetchval("select arguments_digest from tool_permissions where id = $1", free[0])
        for permission, mark in (
            (pending, digest),
            (free[0], "x"),
            (free[0], None),
            (free[0], digest.upper()),
        ):
            async with refused(mine, "FW409"):
                await mine.fetchval(claim, permission, mark)
        execution = await mine.fetchval(claim, free[0], digest)
        async with refused(mine, "FW409"):
            await mine.fetchval(claim, free[0], digest)
        report = "select status from report_execution($1, $2, $3, $4)"
        async with refused(mine, "FW409"):
            await mine.fetchval(report, free[0], free[0], True, None)
        assert await mine.fetchval(report, free[0], execution, True, {"x": 1}) == "allowed"
        assert await mine.fetchval(report, free[0], execution, True, {"x": 1}) == "allowed"
        async with refused(mine, "FW409"):
            await mine.fetchval(report, free[0], execution, False, None)
        await mine.execute("update interactions set status = 'completed' where id = $1", UUID(live))
        async with refused(mine, "FW409"):
            await mine.fetchval(claim, free[1], digest)


async def test_a_claim_after_its_window_is_refused(site: Site, voice: Person) -> None:
    agent = voice.agents[0]
    asked = await site.ask(agent, await site.start(agent), tool_name="check_order")
    async with site.database() as owner:
        await owner.execute(
            "update tool_permissions set execute_before = now() - interval '1 ms' where id = $1",
            UUID(asked["id"]),
        )
    async with as_agent(site, agent) as mine, refused(mine, "FW409"):
        await mine.fetchval("select claim_execution($1, $2)", UUID(asked["id"]), asked["arguments_digest"])


async def test_a_request_and_the_end_of_its_interaction_never_leave_it_pending(
    site: Site, voice: Person
) -> None:
    agent = voice.agents[0]
    for _ in range(3):
        live = UUID(await site.start(agent))

        async def asking(live: UUID = live) -> str:
            try:
                async with as_agent(site, agent, keep=True) as mine:
                    await ask(mine, live)
            except asyncpg.PostgresError as error:
                return str(error.sqlstate)
            return "asked"

        async def ending(live: UUID = live) -> None:
            async with as_agent(site, agent, keep=True) as mine:
                await mine.execute("update interactions set status = 'completed' where id = $1", live)

        found = await asyncio.gather(asking(), asking(), asking(), asking(), ending())
        assert set(found) <= {"asked", "FW409", None}
        async with site.database() as owner:
            assert (
                await owner.fetchval(
                    "select count(*) from tool_permissions where interaction_id = $1 and status = 'pending'",
                    live,
                )
                == 0
            )
