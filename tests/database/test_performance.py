"""Views and leaderboard: the right population, the same for every caller, and a score worked out by hand."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from tests.app_server import AppServer, Person
from tests.conftest import until
from tests.database.acting import Connection, acting, as_agent, as_owner, as_person, become, refused


async def completed(owner: Connection, person: Person, number: int, seconds: int, csat: float | None, resolved: bool | None = None) -> None:  # fmt: skip
    """So many completed interactions of this length, each with its archive."""
    await owner.execute(
        """with i as (insert into interactions (agent_id, interaction_type, status, started_at, ended_at, phone_number)
          select $1, a.agent_type, 'completed', now(), now() + make_interval(secs => $3),
            case when $5::boolean is not null then '+4940' || (10000000 + floor(random() * 89999999))::text end
          from agents a, generate_series(1, $2::integer) where a.id = $1 returning id)
        insert into interaction_archives (interaction_id, summary, csat_score, resolution_time_seconds, issues)
        select id, 's', $4::numeric, 60, case when $5 is not null then jsonb_build_array(jsonb_build_object(
          'issue', 'x', 'status', case when $5 then 'resolved' else 'unresolved' end)) end from i""",
        person.agents[0].id,
        number,
        float(seconds),
        Decimal(str(csat)) if csat is not None else None,
        resolved,
    )


async def board(connection: Connection, *arguments: Any) -> dict[Any, Any]:
    marks = ", ".join(f"${n + 1}" for n in range(len(arguments)))
    return {
        row["supervisor_id"]: row
        for row in await connection.fetch(f"select * from leaderboard({marks})", *arguments)
    }


async def test_scores_are_as_worked_out_by_hand(app_server: AppServer) -> None:
    low, middle, high = [await app_server.hire("voice") for _ in range(3)]
    async with as_owner(app_server) as owner:
        # 1, 201 and 401 interactions of 0, 2,500,000 and 10,000,000 s: nobody else in the database is outside of that.
        await completed(owner, low, 1, 0, 80)
        await completed(owner, middle, 201, 2_500_000, 90)
        await completed(owner, high, 401, 10_000_000, None)
        await become(owner, low)
        scores = [
            await owner.fetchval("select calculate_performance_score($1, 'month')", p.id)
            for p in (low, middle, high)
        ]
        found = await board(owner)
    # 0.5·80 + 0 + 20·1 · 0.5·90 + 30·0.5 + 20·0.75 · 0 + 30·1 + 0
    assert scores == [Decimal(60), Decimal(75), Decimal(30)]
    parts = [
        (found[p.id]["csat_part"], found[p.id]["interactions_part"], found[p.id]["aht_part"])
        for p in (low, middle, high)
    ]
    assert parts == [(40, 0, 20), (45, 15, 15), (0, 30, 0)]
    assert [found[p.id]["score"] for p in (low, middle, high)] == scores
    assert found[middle.id]["rank"] < found[low.id]["rank"] < found[high.id]["rank"]


async def test_the_leaderboard_is_the_same_for_every_caller(
    app_server: AppServer, voice: Person, chat: Person
) -> None:
    admin = await app_server.hire("admin")
    async with as_owner(app_server) as owner:
        await completed(owner, voice, 2, 100, 70, resolved=True)
        await completed(owner, chat, 3, 50, 60, resolved=False)
        boards = []
        for person in (voice, chat, admin):
            await become(owner, person)
            boards.append(
                [
                    tuple(row)
                    for row in await owner.fetch("select * from leaderboard('today', 'Asia/Kolkata')")
                ]
            )
            mine = await owner.fetchval("select calculate_performance_score($1, 'today')", voice.id)
            assert mine is not None
    assert boards[0] == boards[1] == boards[2]
    by_id = {row[1]: row for row in boards[0]}
    assert (by_id[voice.id][7], by_id[chat.id][7]) == (100, 0)


async def test_equal_scores_share_a_rank_and_the_unranked_come_last(app_server: AppServer) -> None:
    one, two, idle = [await app_server.hire("chat") for _ in range(3)]
    async with as_owner(app_server) as owner:
        for person in (one, two):
            await completed(owner, person, 2, 77, 55)
        await become(owner, idle)
        rows = await owner.fetch("select * from leaderboard()")
        found = {row["supervisor_id"]: row for row in rows}
        assert found[one.id]["rank"] == found[two.id]["rank"] is not None
        assert (found[idle.id]["rank"], found[idle.id]["score"], found[idle.id]["interactions"]) == (
            None,
            None,
            0,
        )
        ranks = [row["rank"] for row in rows]
        assert None not in ranks[: ranks.index(None)]
        assert set(ranks[ranks.index(None) :]) == {None}
        assert await owner.fetchval("select calculate_performance_score($1)", idle.id) is None


async def test_the_type_narrows_and_the_deactivated_are_gone(
    app_server: AppServer, voice: Person, chat: Person
) -> None:
    async with as_owner(app_server) as owner:
        await owner.execute("update users set deactivated_at = now() where id = $1", chat.id)
        await become(owner, voice)
        assert voice.id in await board(owner, "month", "UTC", "voice")
        assert voice.id not in await board(owner, "month", "UTC", "chat")
        assert chat.id not in await board(owner)


@pytest.mark.parametrize(
    "arguments",
    [("year", "UTC", None), (None, "UTC", None), ("", "UTC", None), ("month", "Mars/Olympus", None), ("month", "", None),
     ("month", None, None), ("month", "UTC", "fax"), ("month", "UTC", "")],
)  # fmt: skip
async def test_unknown_period_time_zone_or_type_is_refused(
    app_server: AppServer, voice: Person, arguments: tuple[Any, ...]
) -> None:
    async with as_person(app_server, voice) as person:
        async with refused(person, "FW422"):
            await board(person, *arguments)
        if arguments[1] == "UTC" and arguments[2] is None:
            async with refused(person, "FW422"):
                await person.fetchval("select calculate_performance_score($1, $2)", voice.id, arguments[0])


async def test_only_people_with_rights_and_the_service_see_scores(
    app_server: AppServer, voice: Person
) -> None:
    async with acting(app_server, "authenticated", {"sub": "00000000-0000-4000-8000-000000000000"}) as nobody:
        async with refused(nobody, "FW403"):
            await nobody.fetch("select * from leaderboard()")
        async with refused(nobody, "FW403"):
            await nobody.fetchval("select calculate_performance_score($1)", voice.id)
    async with as_agent(app_server, voice.agents[0]) as agent, refused(agent, "42501"):
        await agent.fetch("select * from leaderboard()")
    async with acting(app_server, "anon") as anon, refused(anon, "42501"):
        await anon.fetch("select * from leaderboard()")
    async with acting(app_server, "service_role") as service:
        assert await service.fetchval("select calculate_performance_score($1)", voice.id) is None


async def test_views_count_completed_interactions_without_fan_out(app_server: AppServer) -> None:
    person = await app_server.hire("voice", agents=3)
    async with as_owner(app_server) as owner:
        await completed(owner, person, 2, 100, 80, resolved=True)
        await completed(owner, person, 1, 400, 20, resolved=False)
        await completed(owner, person, 1, 200, None)
        await owner.execute(
            """insert into interactions (agent_id, interaction_type, status, started_at, ended_at)
            values ($1, 'voice', 'failed', now(), now() + interval '1 day')""",
            person.agents[0].id,
        )
        await owner.execute(
            "insert into interactions (agent_id, interaction_type) values ($1, 'voice')", person.agents[1].id
        )
        await owner.execute("update agents set retired_at = now() where id = $1", person.agents[2].id)
        await become(owner, person)
        row = await owner.fetchrow("select * from supervisor_performance")
        assert row is not None
        assert (row["total_agents"], row["total_interactions"], row["active_interactions"]) == (2, 4, 1)
        assert (row["avg_csat"], row["avg_resolution_time"], round(row["fcr_percentage"], 2)) == (
            60,
            60,
            66.67,
        )
        first = await owner.fetchrow(
            "select * from agent_performance where agent_id = $1", person.agents[0].id
        )
        assert first is not None
        assert (first["total_interactions"], first["avg_csat"], first["avg_handle_time"]) == (4, 60, 200)
        assert round(first["fcr_percentage"], 2) == 66.67
        idle = await owner.fetchrow(
            "select * from agent_performance where agent_id = $1", person.agents[1].id
        )
        assert idle is not None
        assert (idle["total_interactions"], idle["avg_csat"], idle["fcr_percentage"], idle["status"]) == (
            0,
            None,
            None,
            "in_call",
        )


async def test_views_show_a_supervisor_only_their_own(
    app_server: AppServer, voice: Person, chat: Person
) -> None:
    async with as_person(app_server, voice) as person:
        assert {row[0] for row in await person.fetch("select supervisor_id from supervisor_performance")} == {
            voice.id
        }
        assert {row[0] for row in await person.fetch("select supervisor_id from agent_performance")} == {
            voice.id
        }


async def test_a_recount_waits_for_who_folds_and_meets_no_deadlock(app_server: AppServer) -> None:
    async with as_owner(app_server) as folding, as_owner(app_server) as counting:
        await folding.execute(
            "select pg_advisory_xact_lock(hashtextextended('floorwalker performance sums', 0))"
        )
        recount = asyncio.create_task(counting.fetchval("select private.recount_performance()"))
        pid = counting.get_server_pid()

        async def waits() -> bool:
            found: bool = await folding.fetchval(
                "select exists (select from pg_locks where pid = $1 and not granted)", pid
            )
            return found

        await until(waits)
        await folding.execute("delete from private.performance_changes where false")
        await folding.execute("rollback")
        assert await recount > 0
