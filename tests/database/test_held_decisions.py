"""An allow of a tool with undo_seconds: held until they have passed, taken back only by the person who gave it, used by nobody before."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from server.embedded.postgres import SUPERUSER
from tests.app_server import Agent, AppServer, Person, decision
from tests.database.acting import Connection, refused
from tests.database.operations import OWNER, SERVICE, SWEEPER, Who, key_of, person
from tests.database.test_interactions import start
from tests.database.test_tool_permissions import DECIDE, ask, row

TAKE_BACK = "select status from take_back_tool_permission($1)"
DIGEST = "(select arguments_digest from tool_permissions where id = $1)"
CLAIM = f"select claim_execution($1, {DIGEST})"
LEFT = "select expires_at - clock_timestamp() from tool_permissions where id = $1"
EXACT = timedelta(
    seconds=60
)  # seconds between two readings of the clock; a wrong result differs by 200 s and more
HELD = ("held_decision", "held_by", "held_by_name", "held_reason", "held_until")
BY_ITS_GIVER = "responded_by = held_by, responded_by_name = held_by_name, responded_at = held_until"


@dataclass(frozen=True, slots=True)
class Stage:
    """A transaction of the superuser, who becomes each actor; rolled back at its end."""

    db: Connection
    agent: Agent
    giver: Person
    admin: Person
    interaction: UUID
    permission: UUID
    key: Who

    async def be(self, who: Person | Who) -> Connection:
        if isinstance(who, Person):
            who = person("person", who.id)
        await self.db.execute("reset role")
        await self.db.execute(who.become)
        return self.db

    async def decide(self, who: Person, status: str = "allowed", reason: str | None = None) -> str | None:
        said: str | None = await (await self.be(who)).fetchval(DECIDE, self.permission, status, reason)
        return said

    async def take_back(self, who: Person) -> str | None:
        said: str | None = await (await self.be(who)).fetchval(TAKE_BACK, self.permission)
        return said

    async def look(self) -> dict[str, Any]:
        return await row(await self.be(OWNER), self.permission)

    async def bend(self, change: str) -> None:
        """Change a row without any trigger."""
        db = await self.be(OWNER)
        await db.execute("reset role; set local session_replication_role = replica")
        await db.execute(f"update tool_permissions set {change} where id = $1", self.permission)
        await db.execute("set local session_replication_role = origin")

    async def its_time_comes(self) -> None:
        await self.bend("held_until = clock_timestamp()")


@pytest.fixture
async def stage(app_server: AppServer, voice: Person) -> AsyncIterator[Stage]:
    admin, agent = await app_server.hire("admin"), voice.agents[0]
    async with app_server.database(SUPERUSER) as db:
        key = key_of(await db.fetchval("select id from agent_keys where agent_id = $1", agent.id))
        transaction = db.transaction()
        await transaction.start()
        await db.execute("update agent_tools set undo_seconds = 300 where agent_id = $1", agent.id)
        interaction = await start(db, voice)
        yield Stage(db, agent, voice, admin, interaction, await ask(db, interaction), key)
        await transaction.rollback()


async def test_it_is_pending_for_everybody_and_nobody_runs_the_tool(stage: Stage) -> None:
    assert await stage.decide(stage.giver, reason=" once ") == "pending"
    for who in (stage.key, SERVICE, stage.giver, stage.admin):
        found = await row(await stage.be(who), stage.permission)
        assert (found["status"], found["responded_at"], found["execute_before"]) == ("pending", None, None)
        held = (found["held_decision"], found["held_by"], found["held_by_name"], found["held_reason"])
        assert held == ("allowed", stage.giver.id, stage.giver.username, "once")
        assert found["expires_at"] >= found["held_until"]
    async with refused(await stage.be(stage.key), "FW409"):
        await stage.db.fetchval(CLAIM, stage.permission)
    db, look = await stage.be(SWEEPER), "select status from private.look_at_decision($1, $2)"
    assert await db.fetchval(look, stage.key.claims, stage.permission) == "pending"


async def test_nobody_else_decides_meanwhile_and_only_its_giver_takes_it_back(stage: Stage) -> None:
    assert await stage.take_back(stage.giver) is None, "nothing is held yet"
    await stage.decide(stage.giver)
    before = await stage.look()
    for status in ("allowed", "denied"):
        assert await stage.decide(stage.admin, status) is None
        assert await stage.decide(stage.giver, status) is None, "not even its giver"
    assert await stage.take_back(stage.admin) is None
    assert await stage.look() == before
    assert await stage.take_back(stage.giver) == "pending"
    assert await stage.take_back(stage.giver) is None, "it is taken back once"
    found = await stage.look()
    assert [found[name] for name in HELD] == [None] * 5
    assert await stage.decide(stage.admin, "denied") == "denied", "then it is anybody's again"


async def test_another_supervisor_learns_nothing_of_it(
    app_server: AppServer, stage: Stage, chat: Person
) -> None:
    await stage.decide(stage.giver)
    async with refused(await stage.be(chat), "FW404"):
        await stage.db.fetchval(TAKE_BACK, stage.permission)


async def test_the_time_to_decide_stands_still_while_it_is_held(stage: Stage) -> None:
    left = await stage.db.fetchval(LEFT, stage.permission)
    await stage.decide(stage.giver)
    found = await stage.look()
    assert abs(found["expires_at"] - found["held_until"] - left) < EXACT
    await stage.bend("held_until = held_until - interval '200 s', expires_at = expires_at - interval '200 s'")
    await stage.take_back(stage.giver)
    await stage.be(OWNER)
    assert abs(await stage.db.fetchval(LEFT, stage.permission) - left) < EXACT


async def test_it_does_not_expire_while_it_is_held(stage: Stage) -> None:
    await stage.bend("expires_at = clock_timestamp() + interval '100 s'")
    await stage.decide(stage.giver)
    await stage.bend("held_until = held_until - interval '150 s', expires_at = expires_at - interval '150 s'")
    await (await stage.be(SWEEPER)).fetchval("select private.sweep('expiry')")
    assert (await stage.look())["status"] == "pending", "150 s later, with 100 s left"
    async with refused(await stage.be(OWNER), "FW409"):
        await stage.db.execute(
            "update tool_permissions set status = 'timeout', responded_at = now() where id = $1",
            stage.permission,
        )
    await stage.its_time_comes()
    await (await stage.be(SWEEPER)).fetchval("select private.sweep('expiry')")
    assert (await stage.look())["status"] == "allowed"


@pytest.mark.parametrize("by", ["the sweeper", "a look", "a claim"])
async def test_once_its_time_has_come_it_counts_for_the_first_reader(stage: Stage, by: str) -> None:
    await stage.decide(stage.giver, reason="once")
    await stage.its_time_comes()
    due = (await stage.look())["held_until"]
    assert await stage.take_back(stage.giver) is None, "too late"
    assert await stage.decide(stage.admin, "denied") is None
    if by == "the sweeper":
        assert await (await stage.be(SWEEPER)).fetchval("select private.sweep('expiry')") >= 1
    elif by == "a look":
        db, question = await stage.be(SWEEPER), "select status from private.look_at_decision($1, $2)"
        assert await db.fetchval(question, stage.key.claims, stage.permission) == "allowed"
    else:
        assert await (await stage.be(stage.key)).fetchval(CLAIM, stage.permission)
    found = await stage.look()
    assert (found["status"], found["reason"], found["responded_by"]) == ("allowed", "once", stage.giver.id)
    assert due <= found["responded_at"] <= found["expires_at"]
    assert found["execute_before"] - found["responded_at"] == timedelta(minutes=2)
    assert [found[name] for name in HELD] == [None] * 5
    if by != "a claim":
        assert await (await stage.be(stage.key)).fetchval(CLAIM, stage.permission)
    assert await stage.take_back(stage.giver) is None


@pytest.mark.parametrize("due", [False, True])
async def test_the_end_of_the_interaction_cancels_it(stage: Stage, due: bool) -> None:
    await stage.decide(stage.giver)
    if due:
        await stage.its_time_comes()
    db = await stage.be(SERVICE)
    await db.execute("update interactions set status = 'completed' where id = $1", stage.interaction)
    found = await stage.look()
    assert (found["status"], found["responded_by"]) == ("cancelled", None)
    assert [found[name] for name in HELD] == [None] * 5
    assert await stage.take_back(stage.giver) is None
    async with refused(await stage.be(stage.key), "FW409"):
        await stage.db.fetchval(CLAIM, stage.permission)


async def test_a_denial_is_never_held(stage: Stage) -> None:
    assert await stage.decide(stage.giver, "denied", "no") == "denied"
    found = await stage.look()
    assert (found["reason"], found["held_until"], found["times_held"]) == ("no", None, 0)


async def test_what_expired_is_not_held(stage: Stage) -> None:
    await stage.bend("expires_at = clock_timestamp()")
    assert await stage.decide(stage.giver) is None
    assert (await stage.look())["held_until"] is None


async def test_each_time_that_it_is_held_counts(stage: Stage) -> None:
    for times in (1, 2, 3):
        assert await stage.decide(stage.giver) == "pending"
        assert (await stage.look())["times_held"] == times
        assert await stage.take_back(stage.giver) == "pending"
    assert (await stage.look())["times_held"] == 3


async def test_an_allow_with_a_grant_is_not_held_and_never_covers_any_arguments(stage: Stage) -> None:
    give = "select status from allow_with_grant($1, (select arguments_digest from tool_permissions where id = $1), $2, 2, 30)"
    async with refused(await stage.be(stage.giver), "FW422"):
        await stage.db.fetchval(give, stage.permission, "any")
    assert (await stage.look())["status"] == "pending"
    assert await (await stage.be(stage.giver)).fetchval(give, stage.permission, "exact") == "allowed"
    db = await stage.be(OWNER)
    covered = await row(db, await ask(db, stage.interaction))
    assert (covered["status"], covered["rule"], covered["grant_use"]) == ("allowed", "grant", 1)


async def test_a_grant_of_any_arguments_from_before_does_not_cover_it(stage: Stage) -> None:
    give = "select status from allow_with_grant($1, (select arguments_digest from tool_permissions where id = $1), 'any', 5, 30)"
    db = await stage.be(OWNER)
    await db.execute("update agent_tools set undo_seconds = 0 where agent_id = $1", stage.agent.id)
    assert await (await stage.be(stage.giver)).fetchval(give, stage.permission) == "allowed"
    await stage.be(OWNER)
    covered = await row(db, await ask(db, stage.interaction))
    assert (covered["status"], covered["rule"]) == ("allowed", "grant")
    await db.execute("update agent_tools set undo_seconds = 300 where agent_id = $1", stage.agent.id)
    asked = await row(db, await ask(db, stage.interaction))
    assert (asked["status"], asked["rule"]) == ("pending", None)


@pytest.mark.parametrize(
    "change",
    [
        "held_until = held_until + interval '1 s'",
        "held_until = held_until - interval '1 s'",
        "held_reason = 'another'",
        "held_by_name = 'another'",
        "times_held = 0",
        f"status = 'allowed', {BY_ITS_GIVER}, execute_before = held_until + interval '1 min'",
        f"status = 'denied', {BY_ITS_GIVER}",
    ],
)
async def test_what_is_held_stays_as_it_is_for_every_role(stage: Stage, change: str) -> None:
    await stage.decide(stage.giver)
    async with refused(await stage.be(OWNER), "FW409"):
        await stage.db.execute(f"update tool_permissions set {change} where id = $1", stage.permission)


@pytest.mark.parametrize("seconds", [-1, 301, None])
async def test_it_is_held_for_five_minutes_at_most(stage: Stage, seconds: int | None) -> None:
    async with refused(await stage.be(OWNER), "23514", "23502"):
        await stage.db.execute(
            "update agent_tools set undo_seconds = $2 where agent_id = $1", stage.agent.id, seconds
        )


async def test_a_web_process_of_the_last_release_gives_no_grant(stage: Stage) -> None:
    """Its page does not say what a standing approval covers."""
    decide = "select won from private.decide_v2($1, $2, 'allowed', null, $3, true)"
    digest = (await stage.look())["arguments_digest"]
    async with refused(await stage.be(SWEEPER), "FW409"):
        await stage.db.fetchval(decide, person("person", stage.giver.id).claims, stage.permission, digest)
    assert (await stage.look())["status"] == "pending"


async def test_the_pages_calls_say_whether_it_counts_and_show_the_card(stage: Stage) -> None:
    claims = person("person", stage.giver.id).claims
    form = decision(await stage.look(), "allowed")
    decide = "select won, card from private.decide_v2($1, $2, $3, null, $4, false)"
    for won in (True, False):
        db = await stage.be(SWEEPER)
        said = await db.fetchrow(decide, claims, stage.permission, form["status"], form["arguments_digest"])
        assert said is not None
        assert (said["won"], said["card"]["status"], said["card"]["held_by_name"]) == (
            won,
            "pending",
            stage.giver.username,
        )
    for won in (True, False):
        db = await stage.be(SWEEPER)
        said = await db.fetchrow("select won, card from private.take_back($1, $2)", claims, stage.permission)
        assert said is not None
        assert (said["won"], said["card"]["held_until"]) == (won, None)
