"""A deadline is judged at the moment that is stored: no claim is stored after its window, however long it waited."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from tests.database.apart import apart
from tests.database.deeds import DEEDS, OWNER, SWEEPER, Cast, Who, cast, key_of, person
from tests.database.hands import Hand, Hands
from tests.site import Site

SOON = "update tool_permissions set {} = clock_timestamp() + interval '300 ms' where id = $1 returning {}"
ROW = "select * from tool_permissions where id = $1"


@pytest.fixture(scope="module")
async def hands(site: Site) -> AsyncIterator[Hands]:
    async with apart(site, "moment") as url:
        found = await Hands.join(url, 2)
        yield found
        await found.leave()


@pytest.fixture
async def people(hands: Hands) -> Cast:
    return await cast(hands.looking)


async def asked(hands: Hands, agent: UUID, deed: str) -> UUID:
    interaction = await hands.looking.fetchval(DEEDS["start"].sql, agent)
    found: UUID = await hands.looking.fetchval(DEEDS[deed].sql, interaction)
    return found


async def held_up(hands: Hands, deed: str, who: Who, permission: UUID, deadline: str) -> tuple[Hand, str]:
    """Do this before the deadline, and let it write after: a lock of the table lets rows be locked, and no row written."""
    async with hands.looking.transaction():
        await hands.looking.execute("set local session_replication_role = replica")
        ends = await hands.looking.fetchval(SOON.format(deadline, deadline), permission)
    holder, waiter = hands.all
    await holder.connection.execute("begin; lock table public.tool_permissions in share mode")
    waiter.task = asyncio.create_task(waiter.do(deed, who, permission, 0, keep=True))
    await hands.settle()
    await hands.looking.execute("select pg_sleep_until($1)", ends)
    await holder.connection.execute("commit")
    await hands.settle()
    return hands.answers()[0]


async def test_a_claim_that_is_written_after_its_window_is_refused(hands: Hands, people: Cast) -> None:
    agent = people.agents[0]
    permission = await asked(hands, agent, "use")
    _, answer = await held_up(hands, "claim", key_of(agent), permission, "execute_before")
    row = await hands.looking.fetchrow(ROW, permission)
    assert row is not None
    assert (answer, row["executed_at"]) == ("FW409", None)


@pytest.mark.parametrize("deed", ["allow", "deny", "allow by hand"])
async def test_a_decision_that_is_written_after_expiry_is_none(hands: Hands, people: Cast, deed: str) -> None:
    permission = await asked(hands, people.agents[0], "ask")
    who = OWNER if deed == "allow by hand" else person("supervisor", people.supervisors[0])
    await held_up(hands, deed, who, permission, "expires_at")
    row = await hands.looking.fetchrow(ROW, permission)
    assert row is not None
    assert (row["status"], row["responded_at"]) == ("pending", None)


async def test_what_is_stored_is_after_what_was_waited_for(hands: Hands, people: Cast) -> None:
    """An expiry that had to wait says when it was written, and its window to execute is as long as ever."""
    agent = people.agents[0]
    permission = await asked(hands, agent, "ask")
    await held_up(hands, "expire", SWEEPER, permission, "expires_at")
    await hands.looking.execute("select private.expire_tool_permissions()")
    row = await hands.looking.fetchrow(ROW, permission)
    assert row is not None
    assert row["status"] == "timeout"
    assert row["responded_at"] >= row["expires_at"]
    other = await asked(hands, people.agents[1], "ask")
    late = "update tool_permissions set expires_at = clock_timestamp() + interval '1 hour' where id = $1"
    async with hands.looking.transaction():
        await hands.looking.execute("set local session_replication_role = replica")
        await hands.looking.execute(late, other)
    holder, waiter = hands.all
    await holder.do("hold", OWNER, other, 0, keep=False)
    supervisor = person("supervisor", people.supervisors[0])
    waiter.task = asyncio.create_task(waiter.do("allow", supervisor, other, 0, keep=True))
    await hands.settle()
    released = await hands.looking.fetchval("select clock_timestamp()")
    await holder.finish(False)
    await hands.settle()
    hands.answers()
    row = await hands.looking.fetchrow(ROW, other)
    assert row is not None
    assert row["responded_at"] >= released
    assert (row["execute_before"] - row["responded_at"]).total_seconds() == 120
