"""Standing approvals: what each covers, that none is used too often, and how it ends."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import pytest

from server.embedded.postgres import SUPERUSER
from tests.app_server import AppServer, Person
from tests.database.acting import Connection, refused
from tests.database.apart import apart
from tests.database.observed import check, observe
from tests.database.operations import OWNER, SWEEPER, Cast, Who, cast, connect, key_of, person
from tests.database.test_interactions import start

ASK = "insert into tool_permissions (interaction_id, tool_name, arguments) values ($1, 'issue_refund', $2::text::json) returning id"
GIVE = """select status from allow_with_grant($1, coalesce((select arguments_digest from tool_permissions where id = $1), ''), $2, $3, 30,
  p_argument => $4, p_each => $5, p_sum => $6, p_freed => $7)"""
REFUND = '{"order": "W1", "amount": 10.50, "currency": "USD", "to": {"last4": "9513"}}'
Scope: TypeAlias = tuple[Any, ...]  # as GIVE takes it after the request
LIMIT: Scope = ("limit", 3, "amount", Decimal(20), Decimal(50), [])
FREE: Scope = ("limit", 3, "amount", Decimal(20), Decimal(50), ["order", "note"])
EXACT: Scope = ("exact", 3, None, None, None, [])
ANY: Scope = ("any", 3, None, None, None, [])


@dataclass(frozen=True, slots=True)
class Stage:
    """A transaction of the superuser, who becomes each actor; rolled back at its end."""

    db: Connection
    giver: Person
    other: Person
    admin: Person
    interaction: UUID

    async def be(self, who: Person | Who) -> Connection:
        if isinstance(who, Person):
            who = person("person", who.id)
        await self.db.execute("reset role")
        await self.db.execute(who.become)
        return self.db

    async def ask(self, arguments: str = REFUND) -> dict[str, Any]:
        db = await self.be(OWNER)
        found = await db.fetchrow(f"{ASK.removesuffix('id')}*", self.interaction, arguments)
        assert found is not None
        return dict(found)

    async def give(self, scope: Scope = EXACT, arguments: str = REFUND) -> UUID:
        """A grant, given by the person who decided on such a request; its id."""
        asked = (await self.ask(arguments))["id"]
        assert await (await self.be(self.giver)).fetchval(GIVE, asked, *scope) == "allowed"
        found: UUID = await self.db.fetchval("select id from tool_grants where permission_id = $1", asked)
        return found

    async def grant(self, id_: UUID) -> dict[str, Any]:
        found = await (await self.be(OWNER)).fetchrow("select * from tool_grants where id = $1", id_)
        assert found is not None
        return dict(found)

    async def covers(self, arguments: str) -> bool:
        found = await self.ask(arguments)
        assert (found["rule"] == "grant") == (found["status"] == "allowed") == (found["grant_id"] is not None)
        return bool(found["status"] == "allowed")


@pytest.fixture(scope="module")
async def trio(app_server: AppServer) -> tuple[Person, Person, Person]:
    """The giver, another supervisor and an admin: shared by all tests, because nothing that a test does is kept."""
    return await app_server.hire("voice"), await app_server.hire("chat"), await app_server.hire("admin")


@pytest.fixture
async def stage(app_server: AppServer, trio: tuple[Person, Person, Person]) -> AsyncIterator[Stage]:
    voice, chat, admin = trio
    async with app_server.database(SUPERUSER) as db:
        transaction = db.transaction()
        await transaction.start()
        yield Stage(db, voice, chat, admin, await start(db, voice))
        await transaction.rollback()


@pytest.mark.parametrize(
    ("scope", "arguments", "covered"),
    [
        (EXACT, REFUND, True),
        (EXACT, REFUND.replace("10.50", "10.5"), False),
        (EXACT, REFUND.replace("W1", "W2"), False),
        (EXACT, "{}", False),
        (ANY, '{"amount": 1000000}', True),
        (LIMIT, REFUND, True),
        (LIMIT, REFUND.replace("10.50", "20"), True),
        (LIMIT, REFUND.replace("10.50", "0"), True),
        (LIMIT, REFUND.replace("10.50", "20.000001"), False),
        (LIMIT, REFUND.replace("10.50", "1000000"), False),
        (LIMIT, REFUND.replace("10.50", "-5"), False),
        (LIMIT, REFUND.replace("10.50", "-0"), False),
        (LIMIT, REFUND.replace("10.50", "1e1"), False),
        (LIMIT, REFUND.replace("10.50", "1e999999"), False),
        (LIMIT, REFUND.replace("10.50", '"10"'), False),
        (LIMIT, REFUND.replace("10.50", "null"), False),
        (LIMIT, REFUND.replace("10.50", "true"), False),
        (LIMIT, REFUND.replace("10.50", "[10]"), False),
        (LIMIT, REFUND.replace('"amount": 10.50, ', ""), False),
        (LIMIT, REFUND.replace('"amount"', '"Amount"'), False),
        (LIMIT, REFUND.replace('"order"', '"amount": 1, "order"'), False),  # the name twice
        (LIMIT, REFUND.replace('"order"', '"order": "W1", "order"'), False),
        (LIMIT, REFUND.replace("W1", "W2"), False),
        (LIMIT, REFUND.replace("USD", "KWD"), False),
        (LIMIT, REFUND.replace("9513", "0000"), False),
        (LIMIT, REFUND.replace('"order"', '"more": 1, "order"'), False),
        (LIMIT, REFUND.replace('"order": "W1", ', ""), False),
        (LIMIT, REFUND.replace('"order"', '"\\u0000": 1, "order"'), False),
        (FREE, REFUND.replace("W1", "W2"), True),
        (FREE, REFUND.replace('"order": "W1", ', ""), True),
        (FREE, REFUND.replace("USD", "KWD"), False),
        (FREE, REFUND.replace("10.50", "21"), False),
    ],
)  # fmt: skip
async def test_what_it_covers(stage: Stage, scope: Scope, arguments: str, covered: bool) -> None:
    first = REFUND if scope is not FREE else REFUND.replace('"order"', '"note": "x", "order"')
    await stage.give(scope, first)
    asks = arguments if scope is not FREE else arguments.replace('"amount"', '"note": "y", "amount"')
    assert await stage.covers(asks) is covered


async def test_each_use_is_counted_and_named_and_the_last_one_ends_it(stage: Stage) -> None:
    grant = await stage.give(LIMIT)
    for use, amount in ((1, "20"), (2, "0.25"), (3, "19.75")):
        asked = await stage.ask(REFUND.replace("10.50", amount))
        assert (asked["status"], asked["grant_id"], asked["grant_use"]) == ("allowed", grant, use)
        assert asked["responded_at"] == asked["requested_at"]
    found = await stage.grant(grant)
    assert (found["uses"], found["used_sum"], found["ended_how"]) == (3, 40, "used_up")
    assert not await stage.covers(REFUND)
    page = await (await stage.be(stage.giver)).fetchval(
        "select private.interaction(jsonb_build_object('interaction_id', $1::uuid))", stage.interaction
    )
    lines = [(e["kind"], e["who"], e["status"]) for e in page["timeline"]]
    name = stage.giver.username
    assert lines.count(("grant", name, None)) == 1
    assert [line for line in lines if line[0] == "use"] == [("use", name, str(n)) for n in (1, 2, 3)]
    assert [line for line in lines if line[0] == "grant_end"] == [("grant_end", None, "used_up")]
    assert page["interaction"]["grants"] is None


async def test_the_sum_of_all_uses_has_its_limit(stage: Stage) -> None:
    await stage.give(("limit", 10, "amount", Decimal(20), Decimal("30.5"), []))
    assert await stage.covers(REFUND.replace("10.50", "20"))
    assert not await stage.covers(REFUND.replace("10.50", "10.51"))
    assert await stage.covers(REFUND), "what still fits"
    assert not await stage.covers(REFUND.replace("10.50", "0.01"))


async def test_it_covers_its_own_tool_and_interaction_alone(stage: Stage) -> None:
    await stage.give(ANY)
    db = await stage.be(OWNER)
    tool = ASK.replace("issue_refund", "wire_money").removesuffix("id") + "status"
    assert await db.fetchval(tool, stage.interaction, REFUND) == "pending"
    await db.execute("update interactions set status = 'completed' where id = $1", stage.interaction)
    again = await start(db, stage.giver)
    assert await db.fetchval(ASK.removesuffix("id") + "status", again, REFUND) == "pending"


async def test_after_its_time_nothing_is_covered_and_no_page_shows_it(stage: Stage) -> None:
    grant = await stage.give(ANY)
    await (await stage.be(OWNER)).execute(
        "update tool_grants set expires_at = clock_timestamp() where id = $1", grant
    )
    assert not await stage.covers(REFUND)
    shown = "select grants from interaction_pulse where interaction_id = $1"
    assert await stage.db.fetchval(shown, stage.interaction) is not None
    await (await stage.be(SWEEPER)).fetchval("select private.sweep('expiry')")
    assert (await stage.grant(grant))["ended_how"] == "expired"
    assert await stage.db.fetchval(shown, stage.interaction) is None


@pytest.mark.parametrize("by", ["giver", "admin"])
async def test_it_is_revoked_once_by_anybody_who_sees_it(stage: Stage, by: str) -> None:
    grant = await stage.give(ANY)
    async with refused(await stage.be(stage.other), "FW404"):
        await stage.db.fetchval("select id from revoke_grant($1)", grant)
    assert await stage.covers(REFUND)
    who = getattr(stage, by)
    revoke = "select ended_how, ended_by, uses from revoke_grant($1)"
    for again in (who, stage.giver):
        found = await (await stage.be(again)).fetchrow(revoke, grant)
        assert found is not None
        assert tuple(found) == ("revoked", who.id, 1)
    assert not await stage.covers(REFUND)


@pytest.mark.parametrize(
    "change",
    [
        "update users set deactivated_at = clock_timestamp() where id = $1",
        (
            "update agents set supervisor_id = (select id from users where supervisor_type = 'voice' and id not in (select supervisor_id from agents) limit 1)"
            " where supervisor_id = $1"
        ),
    ],
)
async def test_it_ends_where_its_giver_decides_nothing_any_more(
    app_server: AppServer, stage: Stage, change: str
) -> None:
    await app_server.hire("voice", agents=0)
    grant = await stage.give(ANY)
    db = await stage.be(OWNER)
    await db.execute(change, stage.giver.id)
    assert (await stage.grant(grant))["ended_how"] == "lapsed"
    shown = "select grants from interaction_pulse where interaction_id = $1"
    assert await db.fetchval(shown, stage.interaction) is None


async def test_another_one_takes_the_place_of_the_first(stage: Stage) -> None:
    first = await stage.give(EXACT)
    second = await stage.give(LIMIT, REFUND.replace("W1", "W2"))
    assert (await stage.grant(first))["ended_how"] == "replaced"
    assert not await stage.covers(REFUND)
    assert await stage.covers(REFUND.replace("W1", "W2"))
    assert (await stage.grant(second))["uses"] == 1


@pytest.mark.parametrize(
    "change",
    [
        "update users set deactivated_at = clock_timestamp() where id = $1",
        "update users set banned_until = 'infinity' where id = $1",
        "update tool_grants set granted_by = (select id from users where role = 'supervisor' and id <> $1 limit 1) where granted_by = $1",
    ],
)
async def test_it_covers_nothing_that_its_giver_could_not_decide(stage: Stage, change: str) -> None:
    await stage.give(ANY)
    assert await stage.covers(REFUND)
    await (await stage.be(OWNER)).execute(change, stage.giver.id)
    assert not await stage.covers(REFUND)


@pytest.mark.parametrize(
    ("scope", "said"),
    [
        (("all", 3, None, None, None, []), "exact, limit or any"),
        (("exact", 0, None, None, None, []), "1 to 100 uses"),
        (("exact", 101, None, None, None, []), "1 to 100 uses"),
        (("exact", None, None, None, None, []), "1 to 100 uses"),
        (("limit", 3, None, Decimal(1), Decimal(1), []), "has the name of an argument"),
        (("limit", 3, "amount", None, Decimal(1), []), "has the name of an argument"),
        (("limit", 3, "amount", Decimal(-1), Decimal(1), []), "a number from 0"),
        (("limit", 3, "amount", Decimal("NaN"), Decimal(1), []), "a number from 0"),
        (("limit", 3, "amount", Decimal(1), Decimal("Infinity"), []), "a number from 0"),
        (("limit", 3, "order", Decimal(1), Decimal(1), []), "no argument order that is a plain number"),
        (("limit", 3, "total", Decimal(1), Decimal(1), []), "no argument total that is a plain number"),
        (("limit", 3, "amount", Decimal(1), Decimal(1), ["amount"]), "only other arguments"),
        (("limit", 3, "amount", Decimal(1), Decimal(1), ["unknown"]), "only other arguments"),
        (("limit", 3, "amount", Decimal(1), Decimal(1), [None]), "only other arguments"),
        (("exact", 3, "amount", Decimal(1), Decimal(1), []), "only a limit"),
        (("limit", 3, "amount", Decimal(1), Decimal(1), ["x" * 201]), "more than 200 characters"),
        (("limit", 3, "x" * 201, Decimal(1), Decimal(1), []), "more than 200 characters"),
        (("any", 3, None, None, None, ["order"]), "only a limit"),
    ],
)
async def test_a_scope_that_means_nothing_is_refused_and_decides_nothing(
    stage: Stage, scope: Scope, said: str
) -> None:
    asked = (await stage.ask())["id"]
    db = await stage.be(stage.giver)
    with pytest.raises(asyncpg.PostgresError, match=said) as refusal:
        async with db.transaction():
            await db.fetchval(GIVE, asked, *scope)
    assert refusal.value.sqlstate == "FW422"
    assert await stage.db.fetchval("select status from tool_permissions where id = $1", asked) == "pending"


async def test_nobody_gives_one_without_deciding(stage: Stage) -> None:
    asked = (await stage.ask())["id"]
    async with refused(await stage.be(stage.other), "FW404"):
        await stage.db.fetchval(GIVE, asked, *ANY)
    other_digest = "select id from allow_with_grant($1, 'x', 'any', 3, 30)"
    assert await (await stage.be(stage.giver)).fetchval(other_digest, asked) is None
    assert await (await stage.be(stage.admin)).fetchval(GIVE, asked, *EXACT) == "allowed"
    assert await (await stage.be(stage.giver)).fetchval(GIVE, asked, *ANY) is None
    assert [g["scope"] for g in await stage.db.fetch("select scope from tool_grants")] == ["exact"]


async def test_what_is_recorded_of_it(stage: Stage) -> None:
    grant = await stage.give(LIMIT)
    assert await stage.covers(REFUND)
    await (await stage.be(stage.admin)).fetchval("select id from revoke_grant($1)", grant)
    rows = await (await stage.be(OWNER)).fetch(
        "select action, actor_id, changes from audit_logs where row_id = $1::text order by id", str(grant)
    )
    given, ended = [dict(one) for one in rows]
    assert (given["action"], given["actor_id"]) == ("tool_grants.insert", stage.giver.id)
    assert (given["changes"]["scope"][1], given["changes"]["sum_limit"][1]) == ("limit", 50)
    assert (ended["action"], ended["actor_id"]) == ("tool_grants.update", stage.admin.id)
    assert ended["changes"]["ended_how"] == [None, "revoked"]


# Many at once.


@pytest.fixture(scope="module")
async def connections(app_server: AppServer) -> AsyncIterator[list[Connection]]:
    async with apart(app_server, "grants") as url:
        connections = [await connect(url) for _ in range(14)]
        try:
            yield connections
        finally:
            for one in connections:
                await one.close()


async def once(db: Connection, who: Who, after: float, question: str, *values: object) -> Any:
    """In a transaction of its own, a little later: the answer, or the SQLSTATE."""
    await asyncio.sleep(after)
    try:
        async with db.transaction():
            await db.execute(who.become)
            return await db.fetchval(question, *values)
    except asyncpg.PostgresError as error:
        return error.sqlstate


@pytest.mark.parametrize(
    "seed", [*range(5), *(pytest.param(n, marks=pytest.mark.full) for n in range(5, 40))]
)
async def test_uses_against_sum_time_revocation_and_end(connections: list[Connection], seed: int) -> None:
    rng, looking = random.Random(seed), connections[0]
    found: Cast = await cast(looking)
    agent, supervisor = found.agents[0], person("supervisor", found.supervisors[0])
    interaction = await looking.fetchval(
        "insert into interactions (agent_id, interaction_type) values ($1, 'voice') returning id", agent
    )
    uses, total = rng.randint(1, 8), Decimal(rng.choice((25, 40, 1000)))
    asked = await looking.fetchval(ASK, interaction, REFUND)
    give = await once(
        connections[1], supervisor, 0, GIVE, asked, "limit", uses, "amount", Decimal(20), total, ["order"]
    )
    assert give == "allowed"
    grant = await looking.fetchval("select id from tool_grants where permission_id = $1", asked)
    soon = timedelta(seconds=rng.choice((0.02, 0.05, 60)))
    await looking.execute(
        "update tool_grants set expires_at = clock_timestamp() + $2 where id = $1", grant, soon
    )

    def ask(db: Connection) -> Any:
        amount = rng.choice(("7", "12.5", "20"))
        arguments = REFUND.replace("10.50", amount).replace("W1", f"W{rng.random()}")
        return once(db, key_of(agent), rng.random() * 0.05, ASK, interaction, arguments)

    others = [ask(db) for db in connections[4:]]
    if rng.random() < 0.6:
        others.append(
            once(connections[1], supervisor, rng.random() * 0.05, "select id from revoke_grant($1)", grant)
        )
    if rng.random() < 0.4:
        end = "update interactions set status = 'failed' where id = $1 returning id"
        others.append(once(connections[2], OWNER, rng.random() * 0.05, end, interaction))
    others.append(once(connections[3], SWEEPER, rng.random() * 0.05, "select private.sweep('expiry')"))
    outcomes = await asyncio.gather(*others)
    assert {one for one in outcomes if isinstance(one, str)} <= {"FW409", "FW429"}
    # Among the invariants of `check`: there are never too many uses, and none after the end.
    check(await observe(looking, found.supervisors))
    row = await looking.fetchrow("select uses, used_sum from tool_grants where id = $1", grant)
    assert row is not None
    amounts = await looking.fetchval(
        "select sum((arguments ->> 'amount')::numeric) from tool_permissions where grant_id = $1", grant
    )
    assert row["used_sum"] == (amounts or 0)
    assert row["used_sum"] <= total
    page = await once(
        connections[1],
        supervisor,
        0,
        "select private.interaction(jsonb_build_object('interaction_id', $1::uuid))::text",
        interaction,
    )
    assert page.count('"kind": "use"') == row["uses"]
