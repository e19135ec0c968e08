"""A deadline is judged when the row is stored: no claim is stored after its window, however long it waited."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from tests.app_server import AppServer
from tests.database.apart import apart
from tests.database.operations import OPERATIONS, OWNER, SWEEPER, Cast, Who, cast, key_of, person
from tests.database.sessions import Session, Sessions

SOON = "update tool_permissions set {} = clock_timestamp() + interval '300 ms' where id = $1 returning {}"
ROW = "select * from tool_permissions where id = $1"


@pytest.fixture(scope="module")
async def sessions(app_server: AppServer) -> AsyncIterator[Sessions]:
    async with apart(app_server, "moment") as url:
        found = await Sessions.open(url, 2)
        yield found
        await found.close()


@pytest.fixture
async def people(sessions: Sessions) -> Cast:
    return await cast(sessions.looking)


async def asked(sessions: Sessions, agent: UUID, operation: str) -> UUID:
    interaction = await sessions.looking.fetchval(OPERATIONS["start"].sql, agent)
    found: UUID = await sessions.looking.fetchval(OPERATIONS[operation].sql, interaction)
    return found


async def held_up(
    sessions: Sessions, operation: str, who: Who, permission: UUID, deadline: str
) -> tuple[Session, str]:
    """Begin before the deadline, and write after it: a lock of the table allows row locks and no writes."""
    async with sessions.looking.transaction():
        await sessions.looking.execute("set local session_replication_role = replica")
        ends = await sessions.looking.fetchval(SOON.format(deadline, deadline), permission)
    holder, waiter = sessions.all
    await holder.connection.execute("begin; lock table public.tool_permissions in share mode")
    waiter.task = asyncio.create_task(waiter.do(operation, who, permission, 0, keep=True))
    await sessions.settle()
    await sessions.looking.execute("select pg_sleep_until($1)", ends)
    await holder.connection.execute("commit")
    await sessions.settle()
    return sessions.answers()[0]


async def test_a_claim_that_is_written_after_its_window_is_refused(sessions: Sessions, people: Cast) -> None:
    agent = people.agents[0]
    permission = await asked(sessions, agent, "use")
    _, answer = await held_up(sessions, "claim", key_of(agent), permission, "execute_before")
    row = await sessions.looking.fetchrow(ROW, permission)
    assert row is not None
    assert (answer, row["executed_at"]) == ("FW409", None)


@pytest.mark.parametrize("operation", ["allow", "deny", "allow by hand"])
async def test_a_decision_that_is_written_after_expiry_is_none(
    sessions: Sessions, people: Cast, operation: str
) -> None:
    permission = await asked(sessions, people.agents[0], "ask")
    who = OWNER if operation == "allow by hand" else person("supervisor", people.supervisors[0])
    await held_up(sessions, operation, who, permission, "expires_at")
    row = await sessions.looking.fetchrow(ROW, permission)
    assert row is not None
    assert (row["status"], row["responded_at"]) == ("pending", None)


async def test_what_is_stored_is_after_what_was_waited_for(sessions: Sessions, people: Cast) -> None:
    """An expiry that had to wait records when it was written, and the window to execute has its full length."""
    agent = people.agents[0]
    permission = await asked(sessions, agent, "ask")
    await held_up(sessions, "expire", SWEEPER, permission, "expires_at")
    await sessions.looking.execute("select private.expire_tool_permissions()")
    row = await sessions.looking.fetchrow(ROW, permission)
    assert row is not None
    assert row["status"] == "timeout"
    assert row["responded_at"] >= row["expires_at"]
    other = await asked(sessions, people.agents[1], "ask")
    late = "update tool_permissions set expires_at = clock_timestamp() + interval '1 hour' where id = $1"
    async with sessions.looking.transaction():
        await sessions.looking.execute("set local session_replication_role = replica")
        await sessions.looking.execute(late, other)
    holder, waiter = sessions.all
    await holder.do("hold", OWNER, other, 0, keep=False)
    supervisor = person("supervisor", people.supervisors[0])
    waiter.task = asyncio.create_task(waiter.do("allow", supervisor, other, 0, keep=True))
    await sessions.settle()
    released = await sessions.looking.fetchval("select clock_timestamp()")
    await holder.finish(False)
    await sessions.settle()
    sessions.answers()
    row = await sessions.looking.fetchrow(ROW, other)
    assert row is not None
    assert row["responded_at"] >= released
    assert (row["execute_before"] - row["responded_at"]).total_seconds() == 120
