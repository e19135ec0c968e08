"""The sample month of an embedded home: written once, consistent with every rule that it bypassed, without a login."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import httpx
import pytest

import server
from server.embedded.keys import Keys
from tests.app_server import DEADLINE, AppServer
from tests.conftest import a_folder, free_port, serving

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
HISTORY = (Path(server.__file__).parent / "embedded" / "history.sql").read_text()
ADMIN = json.dumps({"sub": "10000000-0000-4000-8000-000000000001", "role": "authenticated"})
WRITTEN = """
select jsonb_object_agg(name, sum) from (
  select 'interactions' as name, md5(string_agg(t::text, '' order by id)) as sum from interactions t
  union all select 'archives', md5(string_agg(t::text, '' order by id)) from interaction_archives t
  union all select 'permissions', md5(string_agg(t::text, '' order by id)) from tool_permissions t
  union all select 'metrics', md5(string_agg(t::text, '' order by id)) from realtime_metrics t
  union all select 'agents', md5(string_agg(t::text, '' order by id)) from agents t
  union all select 'users', md5(string_agg(t::text, '' order by id)) from auth.users t
  union all select 'identities', md5(string_agg(t::text, '' order by id)) from auth.identities t) x
"""


async def written(app_server: AppServer) -> dict[str, str]:
    async with app_server.database() as owner:
        found: dict[str, str] = await owner.fetchval(WRITTEN)
        return found


@pytest.fixture(scope="module")
def began() -> Iterator[tuple[AppServer, dict[str, str]]]:
    """A home started for the second time, and what was written after its first start."""
    with a_folder() as folder:
        home, port = folder / "home", free_port()
        with serving(home, port) as first:
            after_first = asyncio.run(written(first))
        with serving(home, port) as second:
            yield second, after_first


@pytest.fixture
async def owner(began: tuple[AppServer, dict[str, str]]) -> AsyncIterator[Connection]:
    """The owner's transaction, rolled back."""
    async with began[0].database() as connection:
        transaction = connection.transaction()
        await transaction.start()
        yield connection
        await transaction.rollback()


async def board(owner: Connection, period: str, channel: str) -> list[Any]:
    await owner.execute("select set_config('request.jwt.claims', $1, true)", ADMIN)
    return await owner.fetch("select * from leaderboard($1, 'UTC', $2)", period, channel)


async def test_it_is_written_once(began: tuple[AppServer, dict[str, str]]) -> None:
    app_server, after_first = began
    assert await written(app_server) == after_first


async def test_it_is_a_month_of_the_size_of_a_small_contact_centre(owner: Connection) -> None:
    row = await owner.fetchrow(
        """select count(*) as n, count(a.id)::float / count(*) as archived, count(distinct i.supervisor_id) as people,
          bool_and(i.started_at > now() - interval '31 days' and i.ended_at < now()) as lately,
          bool_and(i.phone_number ~ '^\\+1[2-9][0-9]{2}55501[0-9]{2}$') as fictional
        from interactions i left join interaction_archives a on a.interaction_id = i.id"""
    )
    assert row is not None
    assert 750 < row["n"] < 1500
    assert 0.92 < row["archived"] < 0.98
    assert (row["people"], row["lately"], row["fictional"]) == (7, True, True)
    weekdays, weekend = await owner.fetchval(
        """select array[count(*) filter (where extract(isodow from started_at) < 6),
          count(*) filter (where extract(isodow from started_at) > 5)] from interactions"""
    )
    assert weekdays > 4 * weekend


@pytest.mark.parametrize("period", ["month", "today"])
async def test_leaderboard_has_everybody_and_somebody_without_a_rank(owner: Connection, period: str) -> None:
    voice, chat = await board(owner, period, "voice"), await board(owner, period, "chat")
    assert {row["username"] for row in voice} == {"johndoe", "amara", "kenji", "lena"}
    assert {row["username"] for row in chat} == {"ana", "priya", "mateo", "tariq"}
    assert chat[-1]["username"] == "tariq"
    assert chat[-1]["rank"] is None


async def test_nothing_is_active_and_every_rule_is_back(owner: Connection) -> None:
    assert await owner.fetchval("select count(*) from interactions where status = 'active'") == 0
    assert await owner.fetchval("select count(*) from interaction_pulse") == 0
    assert await owner.fetchval("select count(*) from tool_permissions where status = 'pending'") == 0
    assert await owner.fetchval("select array_agg(distinct status) from agents") == ["idle"]
    assert await owner.fetchval("select count(*) from pg_trigger where tgenabled <> 'O'") == 0
    assert await owner.fetchval("select count(*) from private.profile_faults") == 0


async def test_first_contact_resolution_is_what_the_rule_says(owner: Connection) -> None:
    states = "select jsonb_object_agg(id, fcr_status) from interaction_archives"
    before = await owner.fetchval(states)
    assert {True, False, None} == set(before.values())
    await owner.execute("update interaction_archives set fcr_status = not coalesce(fcr_status, false)")
    await owner.execute("update interaction_archives set fcr_status = null from interactions i where i.id = interaction_id and i.phone_number is null")  # fmt: skip
    await owner.execute(
        """select private.settle_fcr(n.phone_number, '-infinity', 'infinity')
        from (select distinct phone_number from interactions) n"""
    )
    assert await owner.fetchval(states) == before


async def test_the_sums_hold_the_sample_too(owner: Connection) -> None:
    row = await owner.fetchrow(
        """select (select count(*) from interactions where status = 'completed') as done,
          (select sum(completed) from private.agent_sums) as counted,
          (select sum(csat_score) from interaction_archives a join interactions i on i.id = a.interaction_id where i.status = 'completed') as csat,
          (select sum(csat) from private.agent_sums) as csat_counted"""
    )
    assert row is not None
    assert (row["counted"], row["csat_counted"]) == (row["done"], row["csat"])
    assert row["done"] > 500


async def test_some_came_back_within_three_days_and_some_not(owner: Connection) -> None:
    again = await owner.fetchval(
        """select count(*) from interactions i where exists (select from interactions l
          where l.phone_number = i.phone_number and l.started_at > i.started_at
            and l.started_at < i.started_at + interval '3 days')"""
    )
    assert 40 < again < 200


async def test_tool_permissions_are_as_the_rules_would_have_made_them(owner: Connection) -> None:
    wrong = """
    select count(*) from tool_permissions t join interactions i on i.id = t.interaction_id
    left join agent_tools g on g.agent_id = t.agent_id and g.tool_name = t.tool_name
    where t.requested_at < i.started_at or t.responded_at > i.ended_at or t.responded_at > t.expires_at
      or t.executed_at > t.execute_before or t.execution_reported_at > i.ended_at
      or t.arguments_digest <> encode(sha256(convert_to(t.arguments::text, 'UTF8')), 'hex')
      or t.agent_id <> i.agent_id or t.known_tool is distinct from (g.id is not null) or not g.requires_permission
    """
    assert await owner.fetchval(wrong) == 0
    statuses = await owner.fetch("select status, count(*) from tool_permissions group by status")
    assert {row["status"] for row in statuses} == {"allowed", "denied", "timeout", "cancelled"}


async def test_an_agent_had_one_interaction_at_a_time(owner: Connection) -> None:
    overlapping = """
    select count(*) from interactions a join interactions b on a.agent_id = b.agent_id and a.id <> b.id
      and tstzrange(a.started_at, a.ended_at) && tstzrange(b.started_at, b.ended_at)
    """
    assert await owner.fetchval(overlapping) == 0


async def test_every_archive_has_metrics_or_a_series(owner: Connection) -> None:
    bare = """
    select count(*) from interaction_archives a where (a.series is null) = not exists (
      select from realtime_metrics m where m.interaction_id = a.interaction_id)
    """
    assert await owner.fetchval(bare) == 0
    assert await owner.fetchval("select private.cleanup_realtime_metrics()") == 0, "nothing is overdue"
    late = "select count(*) from realtime_metrics m join interactions i on i.id = m.interaction_id where m.timestamp not between i.started_at and i.ended_at"
    assert await owner.fetchval(late) == 0


@pytest.mark.parametrize("password", ["floorwalker", ""])
async def test_nobody_signs_in_as_a_colleague(began: tuple[AppServer, dict[str, str]], password: str) -> None:
    app_server, _ = began
    async with app_server.database() as owner:
        rows = await owner.fetch("select email, encrypted_password from auth.users where email !~ '^(admin|supervisor)'")  # fmt: skip
    assert len(rows) == 6
    headers = {"apikey": Keys.load_or_create(app_server.home).publishable}
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as client:
        for row in rows:
            assert row["encrypted_password"] is None
            body = {"email": row["email"], "password": password}
            answer = await client.post(
                "/auth/v1/token", params={"grant_type": "password"}, headers=headers, json=body
            )
            assert answer.status_code == 400, answer.text
            assert (await client.post("/login", data=body)).status_code != 303
        assert not client.cookies


@pytest.mark.parametrize(
    "hour",
    [
        "00:00:30",
        "23:59:59",
        *(pytest.param(hour, marks=pytest.mark.full) for hour in ("02:30", "03:01", "12:00")),
    ],
)
async def test_there_is_something_of_the_last_hours_whatever_the_hour(owner: Connection, hour: str) -> None:
    await owner.execute("delete from interactions")
    now = f"timestamptz '2026-11-18 {hour}+00'"
    assert HISTORY.count(" := now();") == 1
    await owner.execute(HISTORY.replace(" := now();", f" := {now};"))
    row = await owner.fetchrow(
        f"""select count(distinct supervisor_id) filter (where ended_at > {now} - interval '3 hours') as lately,
          count(*) filter (where started_at >= {now}::date at time zone 'UTC') as today,
          bool_and(ended_at < {now}) as over from interactions"""
    )
    assert row is not None
    assert row["lately"] >= 6
    assert row["over"]
    assert row["today"] or hour < "01"
