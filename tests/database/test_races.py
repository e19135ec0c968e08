"""Many connections at one row at once, and each pair of operations that could deadlock."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from tests.app_server import AppServer
from tests.database.apart import apart
from tests.database.observed import check, compare, observe
from tests.database.operations import OPERATIONS, OWNER, SERVICE, SWEEPER, Cast, Who, cast, key_of, person
from tests.database.sessions import Session, Sessions

SESSIONS = 20


@pytest.fixture(scope="module")
async def sessions(app_server: AppServer) -> AsyncIterator[Sessions]:
    async with apart(app_server, "races") as url:
        sessions = await Sessions.open(url, SESSIONS)
        try:
            yield sessions
        finally:
            await sessions.close()


@pytest.fixture
async def people(sessions: Sessions) -> AsyncIterator[Cast]:
    """Their floor, where everything holds at the end."""
    found = await cast(sessions.looking)
    yield found
    check(await observe(sessions.looking, found.supervisors))


async def started(sessions: Sessions, agent: UUID) -> UUID:
    found: UUID = await sessions.looking.fetchval(OPERATIONS["start"].sql, agent)
    return found


async def asked(sessions: Sessions, interaction: UUID, operation: str = "ask") -> UUID:
    found: UUID = await sessions.looking.fetchval(OPERATIONS[operation].sql, interaction)
    return found


async def at_once(sessions: Sessions, *operations: tuple[str, Who, UUID | None]) -> Counter[str]:
    """Each in a transaction of its own; how often which came of it: answered, nothing or a SQLSTATE."""

    async def one(session: Session, name: str, who: Who, on: UUID | None) -> str:
        outcome = await session.do(name, who, on, 0, keep=True)
        if outcome != "committed":
            return outcome
        return "answered" if session.facts[-1].answer is not None else "nothing"

    pairs = zip(sessions.all, operations, strict=False)
    return Counter(await asyncio.gather(*(one(session, *operation) for session, operation in pairs)))


async def test_of_twenty_decisions_one_counts(sessions: Sessions, people: Cast) -> None:
    supervisor, admin = person("supervisor", people.supervisors[0]), person("admin", people.admin)
    for _ in range(5):
        permission = await asked(sessions, await started(sessions, people.agents[0]))
        tries = [("allow", supervisor, permission), ("deny", admin, permission)] * (SESSIONS // 2)
        assert await at_once(sessions, *tries) == {"answered": 1, "nothing": SESSIONS - 1}
        await sessions.looking.execute("update interactions set status = 'failed' where status = 'active'")


async def test_of_twenty_claims_one_runs_the_tool(sessions: Sessions, people: Cast) -> None:
    interaction = await started(sessions, people.agents[0])
    for _ in range(5):
        permission = await asked(sessions, interaction, "use")
        tries = [("claim", key_of(people.agents[0]), permission)] * SESSIONS
        assert await at_once(sessions, *tries) == {"answered": 1, "FW409": SESSIONS - 1}


async def test_of_twenty_new_agents_three_stay(sessions: Sessions, people: Cast) -> None:
    looking = sessions.looking
    await looking.execute(
        "update agents set retired_at = now() where supervisor_id = $1", people.supervisors[0]
    )
    for _ in range(5):
        found = await at_once(sessions, *[("add", SERVICE, people.supervisors[0])] * SESSIONS)
        assert found == {"nothing": 3, "FW409": SESSIONS - 3}
        await looking.execute(
            "update agents set retired_at = now() where supervisor_id = $1", people.supervisors[0]
        )


async def test_of_twenty_starts_one_takes_place(sessions: Sessions, people: Cast) -> None:
    agent = people.agents[0]
    for _ in range(5):
        found = await at_once(sessions, *[("start", key_of(agent), agent)] * SESSIONS)
        assert found == {"answered": 1, "23505": SESSIONS - 1}
        await sessions.looking.execute("update interactions set status = 'failed' where status = 'active'")


@pytest.mark.parametrize(
    ("asks", "operation", "until", "outcome"),
    [
        ("ask", "allow", "expires_at", "committed"),
        ("ask", "deny", "expires_at", "committed"),
        ("use", "claim", "execute_before", "FW409"),
    ],
)
async def test_a_person_who_waited_past_the_end_comes_too_late(
    sessions: Sessions, people: Cast, asks: str, operation: str, until: str, outcome: str
) -> None:
    agent = people.agents[0]
    permission = await asked(sessions, await started(sessions, agent), asks)
    who = key_of(agent) if operation == "claim" else person("supervisor", people.supervisors[0])
    async with sessions.looking.transaction():
        await sessions.looking.execute("set local session_replication_role = replica")
        soon = f"update tool_permissions set {until} = clock_timestamp() + interval '60 ms' where id = $1"
        await sessions.looking.execute(soon, permission)
    holder, waiter = sessions.all[:2]
    await holder.do("hold", OWNER, permission, 0, keep=False)
    waiter.task = asyncio.create_task(waiter.do(operation, who, permission, 0, keep=True))
    await sessions.settle()
    assert not waiter.task.done()
    await asyncio.sleep(0.07)
    await holder.finish(False)
    await sessions.settle()
    assert sessions.answers() == [(waiter, outcome)]
    assert all(fact.answer is None for fact in waiter.facts), "and nothing was decided"


async def test_everything_at_once_in_many_rounds(sessions: Sessions, people: Cast) -> None:
    """In any order there is no deadlock (no operation may be refused with 40P01), and the invariants hold after each round."""
    dice = random.Random(7)
    agent = people.agents[0]
    key, supervisor, admin = (
        key_of(agent),
        person("supervisor", people.supervisors[0]),
        person("admin", people.admin),
    )
    before = await observe(sessions.looking, people.supervisors)
    for _ in range(60):
        await at_once(sessions, ("resume", supervisor, agent))
        interaction = await started(sessions, agent)
        free, pending = (
            await asked(sessions, interaction, "use"),
            [await asked(sessions, interaction) for _ in range(2)],
        )
        operations: list[tuple[str, Who, UUID | None]] = [
            ("complete", key, interaction),
            ("start", key, agent),
            ("ask", key, interaction),
            ("use", key, interaction),
            ("claim", key, free),
            ("report well", key, free),
            ("pause", supervisor, agent),
            ("resume", admin, agent),
            ("write status", SERVICE, agent),
            ("expire", SWEEPER, None),
            ("reap", SWEEPER, None),
            ("fold", SWEEPER, None),
        ]
        for permission in pending:
            operations += [
                ("allow", supervisor, permission),
                ("deny", admin, permission),
                ("cancel", SERVICE, permission),
            ]
        dice.shuffle(operations)
        await at_once(sessions, *operations)
        now = await observe(sessions.looking, people.supervisors)
        check(now)
        compare(before, now)
        before = now
        await sessions.looking.execute("update interactions set status = 'failed' where status = 'active'")
        before = await observe(sessions.looking, people.supervisors)
