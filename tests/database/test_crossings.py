"""Operations that lock the same rows while one of them is held: each comes to its end, none in a deadlock."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from tests.app_server import AppServer
from tests.database.acting import Connection
from tests.database.apart import apart
from tests.database.observed import check, observe
from tests.database.operations import OPERATIONS, OWNER, SERVICE, SWEEPER, Cast, cast, key_of, person
from tests.database.sessions import Sessions

# Operations begun in this order, each in a transaction of its own as far as it gets (& continues the first one). Then the
# first commits, and the others as soon as they can. `pending`, `free`, `slow` (whose allow is held) and `granted` (whose grant covers the request) say which tool permission.
PLANS = (
    "complete, start",
    "ask, complete, allow pending",
    "claim free, complete, start",
    "claim free, complete, & report well free",
    "grant pending, complete, ask",
    "allow pending, complete, expire",
    "hold pending, expire, complete, deny pending",
    "pause, start, complete",
    "pause, complete, start, resume",
    "pause, complete, move",
    "claim free, move, complete",
    "hold agent, complete, pause, start",
    "move, retire, add, start",
    "allow pending, claim pending, complete",
    "hold free, claim free, delete",
    "claim free, delete, start",
    "say, move, complete",
    "grant pending, delete, ask",
    "grant pending, move, ask, revoke pending",
    "move, ask",
    "delete, ask",
    "delete, say",
    "delete, grant pending",
    "grant pending, ask, revoke pending, complete",
    "ask, grant pending, revoke pending, complete",
    "ask, revoke granted, complete",
    "ask, complete, revoke granted",
    "revoke granted, complete, ask",
    "ask, move, revoke granted",
    "ask, delete, revoke granted",
    "ask, expire, revoke granted, complete",
    "hold granted, ask, complete, revoke granted",
    "hold granted, expire, complete",
    "hold granted, complete, expire",
    "revoke granted, expire, complete",
    "move, expire, revoke granted",
    "claim free, delete, & report well free",
    "allow slow, take back slow, complete",
    "allow slow, complete, take back slow, claim slow",
    "allow slow, delete, take back slow",
    "hold slow, allow slow, take back slow, expire",
    "allow slow, move, take back slow",
)


@pytest.fixture(scope="module")
async def crossing(app_server: AppServer) -> AsyncIterator[Sessions]:
    async with apart(app_server, "crossings") as url:
        sessions = await Sessions.open(url, 4)
        try:
            yield sessions
        finally:
            await sessions.close()


@pytest.fixture
async def people(crossing: Sessions) -> AsyncIterator[Cast]:
    found = await cast(crossing.looking)
    yield found
    for session in crossing.all:
        await session.connection.execute("rollback")
        session.who, session.task = None, None
    check(await observe(crossing.looking, found.supervisors))


async def settled(sessions: Sessions) -> None:
    await sessions.settle()
    sessions.answers()


def split(step: str) -> tuple[str, str]:
    """An operation, and which permission if it is to one."""
    name, _, place = step.rpartition(" ")
    return (name, place) if place in ("pending", "free", "slow", "granted") else (step, "")


async def granted(looking: Connection, interaction: UUID, *, over: bool) -> UUID:
    """A request whose tool has a grant from now on, or one that has expired; then the request has, too."""
    permission: UUID = await looking.fetchval(OPERATIONS["ask"].sql, interaction)
    await looking.execute(
        """insert into tool_grants (interaction_id, supervisor_id, tool_name, granted_by, granted_by_name, scope, max_uses, expires_at)
        select interaction_id, supervisor_id, tool_name, supervisor_id, 'x', 'any', 1,
          clock_timestamp() + case when $2 then interval '0' else interval '1 hour' end
        from tool_permissions where id = $1""",
        permission,
        over,
    )
    if over:
        async with looking.transaction():
            await looking.execute("set local session_replication_role = replica")
            end = "update tool_permissions set expires_at = clock_timestamp() where id = $1"
            await looking.execute(end, permission)
    return permission


@pytest.mark.parametrize("plan", PLANS)
async def test_a_person_who_waits_comes_to_an_end(crossing: Sessions, people: Cast, plan: str) -> None:
    agent, looking = people.agents[0], crossing.looking
    interaction = await looking.fetchval(OPERATIONS["start"].sql, agent)
    on = {
        "pending": await looking.fetchval(OPERATIONS["ask"].sql, interaction),
        "slow": await looking.fetchval(OPERATIONS["ask slowly"].sql, interaction),
        "free": await looking.fetchval(OPERATIONS["use"].sql, interaction),
        "granted": await granted(looking, interaction, over="expire" in plan) if "granted" in plan else None,
        "agent": agent,
        "interaction": interaction,
        "supervisor": people.supervisors[0],
        "": None,
    }
    whose = {
        "key": key_of(agent),
        "supervisor": person("supervisor", people.supervisors[0]),
        "admin": person("admin", people.admin),
        "service": SERVICE,
        "owner": OWNER,
        "sweeper": SWEEPER,
    }
    idle = iter(crossing.all)
    for step in plan.split(", "):
        session = crossing.all[0] if step.startswith("& ") else next(idle)
        name, place = split(step.removeprefix("& "))
        operation = OPERATIONS[name]
        who = whose[operation.by.split()[0]]
        session.task = asyncio.create_task(session.do(name, who, on[place or operation.on], 0, keep=False))
        await settled(crossing)
    while able := [session for session in crossing.all if session.who and session.task is None]:
        able[0].task = asyncio.create_task(able[0].finish(True))
        await settled(crossing)
    assert all(session.task is None for session in crossing.all)
