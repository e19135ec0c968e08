"""Alerts of random streams are those of a reference in plain Python; a rule does not flap, and opens once when two evaluate."""

import asyncio
import datetime as dt
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.embedded.postgres import SUPERUSER
from tests.alerts.reference import MARGIN, Called, Moment, alerts
from tests.app_server import AppServer, Person

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
# 10:00 on a Wednesday, so that hours can be given; in the past, so that no sweeper's own evaluation is before the stream's.
START = dt.datetime(2026, 1, 7, 10, tzinfo=dt.UTC)
FAR = dt.timedelta(days=3650)
STREAMS = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
async def owner(app_server: AppServer) -> Any:
    async with app_server.database() as connection:
        yield connection


async def rule(owner: Connection, person: Person, condition: str, amount: int, **more: Any) -> UUID:
    """A rule about this person's interactions, made as long ago as the streams begin."""
    values = {"minutes": None, "from_time": None, "until_time": None, "zone": "UTC", "calls": "both", **more}
    found: UUID = await owner.fetchval(
        """insert into alert_rules (name, condition, amount, minutes, supervisor_id, from_time, until_time, zone, calls, changed_by, changed_by_name,
          created_at, changed_at) values ('Random', $1, $2, $3, $4, $5, $6, $7, $8, $4, 'x', $9, $9) returning id""",
        condition,
        amount,
        values["minutes"],
        person.id,
        values["from_time"],
        values["until_time"],
        values["zone"],
        values["calls"],
        START - FAR,
    )
    return found


async def found(owner: Connection, rule_id: UUID) -> list[Called]:
    rows = await owner.fetch(
        "select opened_at, closed_at, closed_because from alerts where rule_id = $1 order by opened_at",
        rule_id,
    )
    return [
        Called(
            round((row["opened_at"] - START).total_seconds()),
            None if row["closed_at"] is None else round((row["closed_at"] - START).total_seconds()),
            row["closed_because"],
        )
        for row in rows
    ]


async def evaluate(owner: Connection, at: int) -> None:
    await owner.execute("select private.evaluate_alerts($1)", START + dt.timedelta(seconds=at))


GAPS = st.lists(st.integers(1, 25), min_size=1, max_size=25)


@STREAMS
@given(gaps=GAPS, data=st.data(), amount=st.integers(10, 60))
async def test_satisfaction_critical_and_silence_of_a_random_stream(
    app_server: AppServer, voice: Person, gaps: list[int], amount: int, data: st.DataObject
) -> None:
    """Everything in one transaction that is undone, so that the sweeper of the server has no part in it."""
    live = UUID(await _live(app_server, voice))
    async with app_server.database() as owner:
        undone = owner.transaction()
        await undone.start()
        rules = {
            "satisfaction": await rule(owner, voice, "satisfaction", amount),
            "critical": await rule(owner, voice, "critical", amount),
            "silence": await rule(owner, voice, "silence", amount),
            "hours": await rule(
                owner, voice, "satisfaction", amount, from_time=dt.time(10, 1), until_time=dt.time(10, 3)
            ),
        }
        expected: dict[str, list[Moment]] = {name: [] for name in rules}
        at, heard, critical = 0, 0, None
        for gap in gaps:
            at += gap
            score = data.draw(st.integers(max(0, amount - 10), amount + 10))
            mood = data.draw(st.sampled_from(["critical", "good", "unheard", "unheard"]))
            if mood != "unheard":
                heard = at
                critical = (at if critical is None else critical) if mood == "critical" else None
            await owner.execute(
                """update interaction_pulse set satisfaction_score = $2, last_seen_at = $3, critical_since = $4, silent_since = null,
                  critical_until = case when $4::timestamptz is null then null else 'infinity'::timestamptz end
                where interaction_id = $1""",
                live,
                score,
                START + dt.timedelta(seconds=heard),
                None if critical is None else START + dt.timedelta(seconds=critical),
            )
            await evaluate(owner, at)
            low = Moment(at, met=score < amount, lasts=score < amount + MARGIN)
            expected["satisfaction"].append(low)
            expected["hours"].append(Moment(at, low.met, low.lasts, hours=60 <= at < 180))
            quiet = at - heard >= amount
            expected["silence"].append(Moment(at, met=quiet, lasts=quiet))
            bad = critical is not None
            expected["critical"].append(
                Moment(at, met=critical is not None and at - critical >= amount, lasts=bad)
            )
        await owner.execute("delete from interaction_pulse where interaction_id = $1", live)
        await evaluate(owner, at + 1)
        for name, moments in expected.items():
            ended = [*moments, Moment(at + 1, met=False, lasts=False, there=False)]
            assert await found(owner, rules[name]) == alerts(ended), name
        await undone.rollback()


async def _live(app_server: AppServer, person: Person) -> str:
    """The one live interaction of this person's agent, started when there is none."""
    async with app_server.database() as owner:
        known = await owner.fetchval(
            "select interaction_id from interaction_pulse where agent_id = $1", person.agents[0].id
        )
    return str(known) if known else await app_server.start(person.agents[0])


@STREAMS
@given(
    events=st.lists(
        st.tuples(
            st.integers(1, 40), st.sampled_from(["failed", "completed", "timeout", "denied", "nothing"])
        ),
        min_size=1,
        max_size=30,
    ),
    amount=st.integers(1, 4),
    share=st.integers(20, 70),
)
async def test_failed_interactions_and_expired_shares_of_a_random_stream(
    app_server: AppServer, voice: Person, events: list[tuple[int, str]], amount: int, share: int
) -> None:
    live = UUID(await _live(app_server, voice))
    agent = voice.agents[0]
    async with app_server.database(SUPERUSER) as owner:
        undone = owner.transaction()
        await undone.start()
        # Rows as they would be: their state machines set the moments themselves, and are left out here.
        await owner.execute("set local session_replication_role = replica")
        rules = {
            "failed": await rule(owner, voice, "failed", amount, minutes=2),
            "expired": await rule(owner, voice, "expired", share, minutes=2),
        }
        expected: dict[str, list[Moment]] = {name: [] for name in rules}
        past: list[tuple[int, str]] = []
        at = 0
        for gap, what in events:
            at += gap
            moment = START + dt.timedelta(seconds=at)
            if what in ("failed", "completed"):
                await owner.execute(
                    """insert into interactions (id, agent_id, supervisor_id, interaction_type, status, started_at, ended_at)
                    values ($1, $2, $3, 'voice', $4, $5, $5)""",
                    uuid4(),
                    agent.id,
                    voice.id,
                    what,
                    moment,
                )
            elif what != "nothing":
                await owner.execute(
                    """insert into tool_permissions (id, interaction_id, agent_id, supervisor_id, tool_name, arguments, arguments_digest,
                      status, requested_at, expires_at, responded_at, responded_by, responded_by_name)
                    values ($1, $2, $3, $4, 'x', '{}', 'x', $5, $6, $6, $6,
                      case when $5 = 'denied' then $4::uuid end, case when $5 = 'denied' then 'x' end)""",
                    uuid4(),
                    live,
                    agent.id,
                    voice.id,
                    what,
                    moment,
                )
            past.append((at, what))
            await evaluate(owner, at)
            lately = [one for when, one in past if when > at - 120]
            failed = lately.count("failed")
            expected["failed"].append(Moment(at, met=failed >= amount, lasts=failed >= amount))
            expired, answered = lately.count("timeout"), lately.count("timeout") + lately.count("denied")
            enough = answered >= 5 and expired > 0
            expected["expired"].append(
                Moment(
                    at,
                    met=enough and 100 * expired >= share * answered,
                    lasts=enough and 100 * expired > (share - MARGIN) * answered,
                )
            )
        for name, moments in expected.items():
            assert await found(owner, rules[name]) == alerts(moments), name
        await undone.rollback()


async def test_a_value_that_swings_round_the_threshold_calls_once(
    app_server: AppServer, voice: Person
) -> None:
    live = UUID(await _live(app_server, voice))
    async with app_server.database() as owner:
        undone = owner.transaction()
        await undone.start()
        one = await rule(owner, voice, "satisfaction", 40)
        for at in range(0, 600, 10):
            score = 39 if at % 20 else 60
            await owner.execute(
                "update interaction_pulse set satisfaction_score = $2, silent_since = null where interaction_id = $1",
                live,
                score,
            )
            await evaluate(owner, at)
        assert await found(owner, one) == [Called(10)]
        await undone.rollback()


async def test_two_processes_that_evaluate_at_once_open_one(app_server: AppServer, voice: Person) -> None:
    live = UUID(await _live(app_server, voice))
    async with (
        app_server.database() as first,
        app_server.database() as second,
        app_server.database() as owner,
    ):
        one = await rule(owner, voice, "satisfaction", 50)
        await owner.execute(
            """update interaction_pulse set satisfaction_score = 10, silent_since = null, last_seen_at = clock_timestamp()
            where interaction_id = $1""",
            live,
        )
        for _ in range(5):
            await asyncio.gather(
                *(each.execute("select private.evaluate_alerts()") for each in (first, second))
            )
        await owner.execute("select private.evaluate_alerts(clock_timestamp())")
        rows = await owner.fetch("select closed_at from alerts where rule_id = $1", one)
        assert [row["closed_at"] for row in rows] == [None]
        await owner.execute("update alert_rules set retired_at = clock_timestamp() where id = $1", one)
        await owner.execute("select private.evaluate_alerts(clock_timestamp())")
        assert await owner.fetchval("select closed_because from alerts where rule_id = $1", one) == "rule"
