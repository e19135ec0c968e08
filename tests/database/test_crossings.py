"""Deeds that lock the same rows, one after another while somebody holds one: each comes to its end, none in a deadlock."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from tests.database.acting import Connection
from tests.database.apart import apart
from tests.database.deeds import DEEDS, OWNER, SERVICE, SWEEPER, Cast, cast, key_of, person
from tests.database.hands import Hands
from tests.database.observed import check, observe
from tests.site import Site

# What is begun in this order, each in a transaction of its own as far as it gets (& goes on in the first one). Then the
# first commits, and the others as soon as they can. `pending`, `free`, `slow` (whose allow is held) and `granted` (whose grant covers what is asked) say which tool permission.
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
async def crossing(site: Site) -> AsyncIterator[Hands]:
    async with apart(site, "crossings") as url:
        hands = await Hands.join(url, 4)
        try:
            yield hands
        finally:
            await hands.leave()


@pytest.fixture
async def people(crossing: Hands) -> AsyncIterator[Cast]:
    found = await cast(crossing.looking)
    yield found
    for hand in crossing.all:
        await hand.connection.execute("rollback")
        hand.who, hand.task = None, None
    check(await observe(crossing.looking, found.supervisors))


async def settled(hands: Hands) -> None:
    await hands.settle()
    hands.answers()


def split(step: str) -> tuple[str, str]:
    """A deed, and which permission if it is to one."""
    name, _, place = step.rpartition(" ")
    return (name, place) if place in ("pending", "free", "slow", "granted") else (step, "")


async def granted(looking: Connection, interaction: UUID, *, over: bool) -> UUID:
    """A request whose tool has a grant from now on, or one whose time is over; then the request's is over, too."""
    permission: UUID = await looking.fetchval(DEEDS["ask"].sql, interaction)
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
async def test_whoever_waits_comes_to_an_end(crossing: Hands, people: Cast, plan: str) -> None:
    agent, looking = people.agents[0], crossing.looking
    interaction = await looking.fetchval(DEEDS["start"].sql, agent)
    on = {
        "pending": await looking.fetchval(DEEDS["ask"].sql, interaction),
        "slow": await looking.fetchval(DEEDS["ask slowly"].sql, interaction),
        "free": await looking.fetchval(DEEDS["use"].sql, interaction),
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
        hand = crossing.all[0] if step.startswith("& ") else next(idle)
        name, place = split(step.removeprefix("& "))
        deed = DEEDS[name]
        who = whose[deed.by.split()[0]]
        hand.task = asyncio.create_task(hand.do(name, who, on[place or deed.on], 0, keep=False))
        await settled(crossing)
    while able := [hand for hand in crossing.all if hand.who and hand.task is None]:
        able[0].task = asyncio.create_task(able[0].finish(True))
        await settled(crossing)
    assert all(hand.task is None for hand in crossing.all)
