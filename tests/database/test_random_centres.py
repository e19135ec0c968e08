"""Random contact centres with random events, and every number compared with the reference."""

import datetime as dt
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.app_server import AppServer
from tests.database import reference
from tests.database.acting import Connection
from tests.database.apart import add_agents, add_people, apart

NAMES = UUID("7d9d1c5e-5b0f-4a5e-9f43-0d6f6a3f7a11")
ZONES = ("UTC", "America/Los_Angeles", "Asia/Kathmandu", "Pacific/Kiritimati", "Australia/Lord_Howe")
MINUTE = dt.timedelta(minutes=1)
ADMIN = uuid5(NAMES, "admin")
SUPERVISORS = [uuid5(NAMES, f"supervisor {n}") for n in range(4)]  # voice, voice, chat, voice
KINDS = ("voice", "voice", "chat", "voice")
AGENTS = [uuid5(NAMES, f"agent {n}") for n in range(8)]  # two each
INTERACTIONS = 12


@pytest.fixture(scope="session")
async def centre(app_server: AppServer) -> AsyncIterator[Connection]:
    """A database of its own with four supervisors and nothing else in it; as its superuser."""
    async with apart(app_server, "centres") as url:
        connection = await asyncpg.connect(url, statement_cache_size=1000)
        try:
            for name in ("json", "jsonb"):
                await connection.set_type_codec(
                    name, encoder=json.dumps, decoder=json.loads, schema="pg_catalog"
                )
            people = zip(SUPERVISORS, KINDS, strict=True)
            await add_people(
                connection, ADMIN, [(id_, f"w{n}", kind) for n, (id_, kind) in enumerate(people)]
            )
            await add_agents(
                connection,
                [(id_, SUPERVISORS[n // 2], f"a{n}", KINDS[n // 2]) for n, id_ in enumerate(AGENTS)],
            )
            yield connection
        finally:
            await connection.close()


@dataclass(frozen=True)
class Event:
    """Something that happens: what, to which interaction or agent, and with which values."""

    what: str
    which: int
    values: tuple[Any, ...] = ()


def moments() -> st.SearchStrategy[tuple[str, str, int]]:
    """A moment near the edge of a period somewhere, or some minutes ago: (period or ago, zone, minutes)."""
    return st.one_of(
        st.tuples(st.sampled_from(("today", "month")), st.sampled_from(ZONES), st.integers(-2, 2)),
        st.tuples(st.just("ago"), st.just("UTC"), st.integers(1, 60 * 24 * 40)),
        st.tuples(st.just("ago"), st.just("UTC"), st.integers(1, 60 * 24 * 4)),
    )


WHICH = st.integers(0, INTERACTIONS - 1)
PHONES = st.sampled_from(("+4930111111", "+4930222222", None))
STATUS = st.sampled_from(("resolved", "unresolved"))
CSAT = st.one_of(st.none(), st.integers(0, 10000).map(lambda n: Decimal(n) / 100))
ISSUES = st.one_of(
    st.none(), st.lists(st.fixed_dictionaries({"issue": st.just("x"), "status": STATUS}), max_size=2)
)
TAGS = st.one_of(
    st.none(),
    st.lists(
        st.fixed_dictionaries({"tag": st.sampled_from(("bill", "order")), "status": STATUS}), max_size=2
    ).map(lambda issues: {"topics": [], "issues": issues}),
)
ARCHIVE = st.tuples(CSAT, st.one_of(st.none(), st.integers(0, 5000)), ISSUES, TAGS)
LATER = st.one_of(
    st.builds(Event, st.just("started"), WHICH, st.tuples(st.integers(0, 7), PHONES)),
    st.builds(Event, st.just("ended"), WHICH, st.tuples(st.sampled_from(("completed", "failed")))),
    st.builds(Event, st.just("number known"), WHICH, st.tuples(PHONES)),
    st.builds(Event, st.just("moved in time"), WHICH, st.tuples(moments())),
    st.builds(Event, st.just("archived"), WHICH, ARCHIVE),
    st.builds(Event, st.just("archive changed"), WHICH, ARCHIVE),
    st.builds(Event, st.just("archive deleted"), WHICH),
    *[st.builds(Event, st.just("deleted"), WHICH)] * 3,
    st.builds(Event, st.just("forgotten"), WHICH),
    st.builds(Event, st.just("agent moved"), st.integers(0, 7), st.tuples(st.sampled_from(SUPERVISORS))),
    st.builds(Event, st.just("supervisor left"), st.integers(0, 3)),
    st.builds(Event, st.just("folded"), st.integers(1, 5)),
    st.builds(Event, st.just("range kept"), st.integers(0, 3)),
)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Interactions that took place, their archives in any order among everything that happens later."""
    count = draw(st.integers(3, INTERACTIONS))
    status = st.sampled_from(("completed", "completed", "completed", "failed"))
    place = st.tuples(st.integers(0, 7), moments(), st.integers(0, 7200), PHONES, status)
    past = [Event("took place", n, draw(place)) for n in range(count)]
    archived = [Event("archived", n, draw(ARCHIVE)) for n in range(count) if draw(st.integers(0, 5))]
    return past + draw(st.permutations(archived + draw(st.lists(LATER, max_size=12))))


EVENTS = histories()
SQL = {
    "took place": """insert into interactions (id, agent_id, interaction_type, status, started_at, ended_at, phone_number)
      select $1, id, agent_type, $6, $3, $3::timestamptz + make_interval(secs => $4), $5 from agents where id = $2""",
    "started": "insert into interactions (id, agent_id, interaction_type, phone_number) select $1, id, agent_type, $3 from agents where id = $2",
    "ended": "update interactions set status = $2 where id = $1",
    "number known": "update interactions set phone_number = $2 where id = $1",
    "moved in time": "update interactions set started_at = $2, ended_at = $2::timestamptz + (ended_at - started_at) where id = $1 and status <> 'active'",
    "archived": "insert into interaction_archives (interaction_id, summary, csat_score, resolution_time_seconds, issues, tags) values ($1, 's', $2, $3, $4, $5)",
    "archive changed": "update interaction_archives set csat_score = $2, resolution_time_seconds = $3, issues = $4, tags = $5 where interaction_id = $1",
    "archive deleted": "delete from interaction_archives where interaction_id = $1",
    "deleted": "delete from interactions where id = $1",
    "forgotten": "select private.forget(array[$1::uuid])",
    "agent moved": "update agents set supervisor_id = $2 where id = $1",
    "supervisor left": "update users set deactivated_at = coalesce(deactivated_at, now()) where id = $1",
    "folded": "select private.fold_performance($1)",
    # Sums that were made before something happens must follow it: days that are over, and those of today so far.
    "range kept": """select private.keep_range(w, date_trunc('day', now(), 'UTC') - interval '40 days 18 hours', case $1::integer when 0
      then date_trunc('day', now(), 'UTC') + interval '1 day' else date_trunc('day', now(), 'UTC') - make_interval(days => $1, hours => 5) end)
      from unnest(array['supervisor', 'agent']) w""",
}
# Refusals that the database may give: an id used twice, a second active interaction, a supervisor of another type, no interaction.
REFUSALS = {"23505", "23503", "23514", "FW404", "FW409"}


async def happen(db: Connection, event: Event, now: dt.datetime) -> None:
    values: list[Any] = []
    for value in event.values:
        if isinstance(value, tuple):  # a moment
            anchor, zone, minutes = value
            at = now if anchor == "ago" else reference.period_start(anchor, zone, now)
            values.append(at - minutes * MINUTE if anchor == "ago" else at + minutes * MINUTE)
        else:
            values.append(value)
    if event.what in ("took place", "started"):
        values[0] = AGENTS[values[0]]
    whom: dict[str, Any] = {
        "agent moved": lambda: AGENTS[event.which],
        "supervisor left": lambda: SUPERVISORS[event.which],
        "folded": lambda: event.which,
        "range kept": lambda: event.which,
    }
    first = whom.get(event.what, lambda: uuid5(NAMES, f"interaction {event.which}"))()
    try:
        async with db.transaction():
            await db.execute(SQL[event.what], first, *values)
    except asyncpg.PostgresError as error:
        if error.sqlstate not in REFUSALS:
            raise


async def become(db: Connection, person: UUID) -> None:
    claims = json.dumps({"sub": str(person), "role": "authenticated"})
    await db.execute(
        "select set_config('role', 'authenticated', true), set_config('request.jwt.claims', $1, true)", claims
    )


def near(found: Any, wanted: Fraction | None, by: Fraction) -> bool:
    """Correctly rounded to so many digits; PostgreSQL's own divisions end after 16 digits or more."""
    if found is None or wanted is None:
        return found is None and wanted is None
    return abs(Fraction(found) - wanted) <= by + Fraction(1, 10**9)


EXACT, TENTH, HUNDREDTH = Fraction(0), Fraction(1, 20), Fraction(1, 200)
NOTHING: dict[str, Any] = dict.fromkeys(("csat", "handle", "resolution", "fcr")) | {"interactions": 0}


async def compare(db: Connection, now: dt.datetime) -> None:
    interactions = [dict(row) for row in await db.fetch("select * from interactions")]
    archives = {
        row["interaction_id"]: dict(row) for row in await db.fetch("select * from interaction_archives")
    }
    users = {row["id"]: dict(row) for row in await db.fetch("select * from users where role = 'supervisor'")}
    agents = {row["id"]: dict(row) for row in await db.fetch("select * from agents")}
    settled = reference.first_contact(interactions, archives)
    assert {key: row["fcr_status"] for key, row in archives.items()} == settled

    by_supervisor = reference.performance(interactions, archives, "supervisor_id")
    by_agent = reference.performance(interactions, archives, "agent_id")
    for viewer in (ADMIN, *users):
        mine = (
            set(users)
            if viewer == ADMIN
            else {viewer} & {k for k, u in users.items() if not u["deactivated_at"]}
        )
        await become(db, viewer)
        rows = await db.fetch("select * from supervisor_performance")
        assert {row["supervisor_id"] for row in rows} == mine
        for row in rows:
            wanted = by_supervisor.get(row["supervisor_id"], NOTHING)
            live = sum(
                i["supervisor_id"] == row["supervisor_id"] and i["status"] == "active" for i in interactions
            )
            team = sum(
                a["supervisor_id"] == row["supervisor_id"] and a["retired_at"] is None
                for a in agents.values()
            )
            assert (row["total_interactions"], row["active_interactions"], row["total_agents"]) == (
                wanted["interactions"],
                live,
                team,
            )
            assert near(row["avg_csat"], wanted["csat"], EXACT)
            assert near(row["avg_resolution_time"], wanted["resolution"], EXACT)
            assert near(row["fcr_percentage"], wanted["fcr"], EXACT)
        rows = await db.fetch("select * from agent_performance")
        assert {row["agent_id"] for row in rows} == {
            k for k, a in agents.items() if a["supervisor_id"] in mine
        }
        for row in rows:
            wanted = by_agent.get(row["agent_id"], NOTHING)
            assert row["total_interactions"] == wanted["interactions"]
            assert near(row["avg_csat"], wanted["csat"], EXACT)
            assert near(row["avg_handle_time"], wanted["handle"], EXACT)
            assert near(row["fcr_percentage"], wanted["fcr"], EXACT)
        await db.execute("reset role")

    ranked = {key for key, user in users.items() if user["deactivated_at"] is None}
    await become(db, ADMIN)
    for period in ("today", "month"):
        for zone in ZONES:
            since = reference.period_start(period, zone, now)
            recent = [i for i in interactions if i["started_at"] >= since and i["supervisor_id"] in ranked]
            totals = reference.performance(recent, archives, "supervisor_id")
            wanted_scores = reference.scores(totals)
            rows = await db.fetch("select * from leaderboard($1, $2)", period, zone)
            assert {row["supervisor_id"] for row in rows} == ranked
            for row in rows:
                wanted = totals.get(row["supervisor_id"], NOTHING)
                assert row["interactions"] == wanted["interactions"], (period, zone)
                assert near(row["csat"], wanted["csat"], HUNDREDTH)
                assert near(row["aht"], wanted["handle"], TENTH)
                assert near(row["fcr"], wanted["fcr"], TENTH)
                assert near(row["score"], wanted_scores.get(row["supervisor_id"]), HUNDREDTH)
                better = [
                    r
                    for r in rows
                    if r["score"] is not None and row["score"] is not None and r["score"] > row["score"]
                ]
                assert row["rank"] == (None if row["score"] is None else len(better) + 1)
                if zone == "UTC":
                    score = await db.fetchval(
                        "select calculate_performance_score($1, $2)", row["supervisor_id"], period
                    )
                    assert score == row["score"]
    await db.execute("reset role")
    await compare_ranges(db, now, interactions, archives, ranked, agents)


async def compare_ranges(
    db: Connection,
    now: dt.datetime,
    interactions: list[dict[str, Any]],
    archives: dict[UUID, dict[str, Any]],
    ranked: set[UUID],
    agents: dict[UUID, dict[str, Any]],
) -> None:
    """Ranges that were kept before and such as nobody asked for yet, in a zone that differs from centre to centre."""
    kept = await db.fetch("select distinct since, until from private.performance_ranges")
    ranges = [(row["since"], row["until"]) for row in kept]
    zone = ZONES[len(interactions) % len(ZONES)]
    today = now.astimezone(ZoneInfo(zone)).date()
    before = today.replace(day=1) - dt.timedelta(days=1)
    for period, first, last in (
        ("last_month", before.replace(day=1), before),
        ("dates", today - dt.timedelta(days=len(archives)), today),
        ("dates", today - dt.timedelta(days=3), today - dt.timedelta(days=1)),
    ):
        found = await db.fetchrow(
            "select * from private.leaderboard_range($1, $2, $3, $4)", period, first, last, zone
        )
        assert found is not None
        assert (found["first_day"], found["last_day"]) == (first, last)
        assert found["since"] == reference.day_start(first, zone)
        assert found["until"] == reference.day_start(last + dt.timedelta(days=1), zone)
        ranges.append((found["since"], found["until"]))
    await become(db, ADMIN)
    for since, until in ranges:
        within = [
            i for i in interactions if since <= i["started_at"] < until and i["supervisor_id"] in ranked
        ]
        totals = reference.performance(within, archives, "supervisor_id")
        wanted_scores = reference.scores(totals)
        rows = await db.fetch("select * from leaderboard_v2($1, $2)", since, until)
        assert {row["supervisor_id"] for row in rows} == ranked
        assert [row["place"] for row in rows] == list(range(1, len(rows) + 1))
        for row in rows:
            wanted = totals.get(row["supervisor_id"], NOTHING)
            assert_equal(row, wanted)
            assert near(row["score"], wanted_scores.get(row["supervisor_id"]), HUNDREDTH)
            better = [r for r in rows if None not in (r["score"], row["score"]) and r["score"] > row["score"]]
            assert row["rank"] == (None if row["score"] is None else len(better) + 1)
        by_agent = reference.performance(within, archives, "agent_id")
        rows = await db.fetch(
            "select * from agent_leaderboard($1, $2, null, null, 'interactions')", since, until
        )
        assert {row["agent_id"] for row in rows} == {
            k for k, a in agents.items() if a["supervisor_id"] in ranked
        }
        for row in rows:
            wanted = by_agent.get(row["agent_id"], NOTHING)
            assert_equal(row, wanted)
            more = [r for r in rows if r["interactions"] > row["interactions"]]
            assert row["rank"] == (len(more) + 1 if row["interactions"] else None)
        points = [
            since,
            *[p for p in (since + dt.timedelta(hours=n) for n in (7, 24, 71)) if p < until],
            until,
        ]
        wanted_trend = {}
        for place, (start, end) in enumerate(pairwise(points), 1):
            part = [i for i in within if start <= i["started_at"] < end]
            for key, one in reference.performance(part, archives, "supervisor_id").items():
                wanted_trend[key, place] = one
        rows = await db.fetch("select * from leaderboard_trend($1, $2)", points, sorted(ranked))
        assert {(row["supervisor_id"], row["place"]) for row in rows} == set(wanted_trend)
        for row in rows:
            assert_equal(row, wanted_trend[row["supervisor_id"], row["place"]])
    await db.execute("reset role")


def assert_equal(row: Any, wanted: dict[str, Any]) -> None:
    assert row["interactions"] == wanted["interactions"]
    assert near(row["csat"], wanted["csat"], HUNDREDTH)
    assert near(row["aht"], wanted["handle"], TENTH)
    assert near(row["fcr"], wanted["fcr"], TENTH)


async def test_what_moves_in_time_is_taken_from_where_it_was_counted(centre: Connection) -> None:
    """The first one is resolved at first contact until it moves before another with the same issue."""
    today, tags = ("today", "UTC", 0), {"topics": [], "issues": [{"tag": "order", "status": "resolved"}]}
    events = [
        Event("took place", 0, (0, ("ago", "UTC", 1), 0, "+4930111111", "completed")),
        *(Event("took place", which, (0, today, 0, "+4930111111", "completed")) for which in range(1, 6)),
        Event("archived", 0, (None, None, None, tags)),
        Event("archived", 5, (None, None, None, tags)),
        Event("moved in time", 0, (("today", "UTC", -1),)),
    ]
    await apply_and_compare(centre, events)


@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(events=EVENTS)
async def test_every_number_is_the_references(centre: Connection, events: list[Event]) -> None:
    await apply_and_compare(centre, events)


@pytest.mark.full
@settings(
    max_examples=4000,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(events=EVENTS)
async def test_every_number_is_the_references_in_thousands_of_centres(
    centre: Connection, events: list[Event]
) -> None:
    await apply_and_compare(centre, events)


async def apply_and_compare(centre: Connection, events: list[Event]) -> None:
    transaction = centre.transaction()
    await transaction.start()
    try:
        now = await centre.fetchval("select now()")
        for event in events:
            await happen(centre, event, now)
        await compare(centre, now)
    finally:
        await transaction.rollback()
