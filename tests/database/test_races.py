"""Many connections at one row at the same moment, and each pair of deeds that could wait for one another crosswise."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from tests.database.apart import apart
from tests.database.deeds import DEEDS, OWNER, SERVICE, SWEEPER, Cast, Who, cast, key_of, person
from tests.database.hands import Hand, Hands
from tests.database.observed import check, compare, observe
from tests.site import Site

CROWD = 20


@pytest.fixture(scope="module")
async def crowd(site: Site) -> AsyncIterator[Hands]:
    async with apart(site, "races") as url:
        hands = await Hands.join(url, CROWD)
        try:
            yield hands
        finally:
            await hands.leave()


@pytest.fixture
async def people(crowd: Hands) -> AsyncIterator[Cast]:
    """Their floor, where everything holds at the end."""
    found = await cast(crowd.looking)
    yield found
    check(await observe(crowd.looking, found.supervisors))


async def started(crowd: Hands, agent: UUID) -> UUID:
    found: UUID = await crowd.looking.fetchval(DEEDS["start"].sql, agent)
    return found


async def asked(crowd: Hands, interaction: UUID, deed: str = "ask") -> UUID:
    found: UUID = await crowd.looking.fetchval(DEEDS[deed].sql, interaction)
    return found


async def at_once(crowd: Hands, *deeds: tuple[str, Who, UUID | None]) -> Counter[str]:
    """Each in a transaction of its own; how often which came of it: answered, nothing or a SQLSTATE."""

    async def one(hand: Hand, name: str, who: Who, on: UUID | None) -> str:
        outcome = await hand.do(name, who, on, 0, keep=True)
        if outcome != "committed":
            return outcome
        return "answered" if hand.facts[-1].answer is not None else "nothing"

    hands = zip(crowd.all, deeds, strict=False)
    return Counter(await asyncio.gather(*(one(hand, *deed) for hand, deed in hands)))


async def test_of_twenty_decisions_one_counts(crowd: Hands, people: Cast) -> None:
    supervisor, admin = person("supervisor", people.supervisors[0]), person("admin", people.admin)
    for _ in range(5):
        permission = await asked(crowd, await started(crowd, people.agents[0]))
        tries = [("allow", supervisor, permission), ("deny", admin, permission)] * (CROWD // 2)
        assert await at_once(crowd, *tries) == {"answered": 1, "nothing": CROWD - 1}
        await crowd.looking.execute("update interactions set status = 'failed' where status = 'active'")


async def test_of_twenty_claims_one_runs_the_tool(crowd: Hands, people: Cast) -> None:
    interaction = await started(crowd, people.agents[0])
    for _ in range(5):
        permission = await asked(crowd, interaction, "use")
        tries = [("claim", key_of(people.agents[0]), permission)] * CROWD
        assert await at_once(crowd, *tries) == {"answered": 1, "FW409": CROWD - 1}


async def test_of_twenty_new_agents_three_stay(crowd: Hands, people: Cast) -> None:
    looking = crowd.looking
    await looking.execute(
        "update agents set retired_at = now() where supervisor_id = $1", people.supervisors[0]
    )
    for _ in range(5):
        found = await at_once(crowd, *[("add", SERVICE, people.supervisors[0])] * CROWD)
        assert found == {"nothing": 3, "FW409": CROWD - 3}
        await looking.execute(
            "update agents set retired_at = now() where supervisor_id = $1", people.supervisors[0]
        )


async def test_of_twenty_starts_one_takes_place(crowd: Hands, people: Cast) -> None:
    agent = people.agents[0]
    for _ in range(5):
        found = await at_once(crowd, *[("start", key_of(agent), agent)] * CROWD)
        assert found == {"answered": 1, "23505": CROWD - 1}
        await crowd.looking.execute("update interactions set status = 'failed' where status = 'active'")


@pytest.mark.parametrize(
    ("asks", "deed", "until", "outcome"),
    [
        ("ask", "allow", "expires_at", "committed"),
        ("ask", "deny", "expires_at", "committed"),
        ("use", "claim", "execute_before", "FW409"),
    ],
)
async def test_whoever_waited_past_the_end_comes_too_late(
    crowd: Hands, people: Cast, asks: str, deed: str, until: str, outcome: str
) -> None:
    agent = people.agents[0]
    permission = await asked(crowd, await started(crowd, agent), asks)
    who = key_of(agent) if deed == "claim" else person("supervisor", people.supervisors[0])
    async with crowd.looking.transaction():
        await crowd.looking.execute("set local session_replication_role = replica")
        soon = f"update tool_permissions set {until} = clock_timestamp() + interval '60 ms' where id = $1"
        await crowd.looking.execute(soon, permission)
    holder, waiter = crowd.all[:2]
    await holder.do("hold", OWNER, permission, 0, keep=False)
    waiter.task = asyncio.create_task(waiter.do(deed, who, permission, 0, keep=True))
    await crowd.settle()
    assert not waiter.task.done()
    await asyncio.sleep(0.07)
    await holder.finish(False)
    await crowd.settle()
    assert crowd.answers() == [(waiter, outcome)]
    assert all(fact.answer is None for fact in waiter.facts), "and nothing was decided"


async def test_everything_at_once_in_many_rounds(crowd: Hands, people: Cast) -> None:
    """Whatever the order, nobody waits crosswise (a 40P01 is refused by no deed) and everything holds after each round."""
    dice = random.Random(7)
    agent = people.agents[0]
    key, supervisor, admin = (
        key_of(agent),
        person("supervisor", people.supervisors[0]),
        person("admin", people.admin),
    )
    before = await observe(crowd.looking, people.supervisors)
    for _ in range(60):
        await at_once(crowd, ("resume", supervisor, agent))
        interaction = await started(crowd, agent)
        free, pending = (
            await asked(crowd, interaction, "use"),
            [await asked(crowd, interaction) for _ in range(2)],
        )
        deeds: list[tuple[str, Who, UUID | None]] = [
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
            deeds += [
                ("allow", supervisor, permission),
                ("deny", admin, permission),
                ("cancel", SERVICE, permission),
            ]
        dice.shuffle(deeds)
        await at_once(crowd, *deeds)
        now = await observe(crowd.looking, people.supervisors)
        check(now)
        compare(before, now)
        before = now
        await crowd.looking.execute("update interactions set status = 'failed' where status = 'active'")
        before = await observe(crowd.looking, people.supervisors)
