"""Whether retention with a backlog delays agents at work, step by step."""

import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from server.embedded.postgres import SUPERUSER, Postgres
from server.kernel.db import migrations, sweeper
from tests.bench import contact_centre
from tests.conftest import a_folder

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Timed: TypeAlias = Callable[..., Awaitable[Any]]
SUPERVISORS, OLD, LIMIT = 500, 30_000, 100  # people, interactions to forget, ms
BATCHES = 60

_BACKLOG = """
insert into public.interaction_turns (interaction_id, supervisor_id, captured_at, speaker, text)
select id, supervisor_id, started_at + make_interval(secs => n), 'customer', 'My name is Ann, and my number is on the bill.'
from public.interactions, generate_series(1, 20) n where status = 'completed';
insert into public.realtime_metrics (interaction_id, supervisor_id, timestamp, sentiment, satisfaction_score, created_at)
select id, supervisor_id, started_at + make_interval(secs => 5 * n), 'good', 80, now() - interval '40 days'
from (select * from public.interactions where status = 'completed' limit 3000) i, generate_series(1, 60) n;
insert into public.tool_permissions (interaction_id, agent_id, supervisor_id, tool_name, arguments, arguments_digest, expires_at, status,
  responded_at, responded_by, responded_by_name)
select id, agent_id, supervisor_id, 'issue_refund', '{"name": "Ann"}', 'digest', started_at, 'denied', started_at, supervisor_id, 'ana'
from public.interactions where status = 'completed';
update public.interactions set started_at = started_at - interval '120 days', ended_at = ended_at - interval '120 days' where status = 'completed';
update public.interaction_archives set created_at = created_at - interval '120 days';
delete from public.interaction_archives where interaction_id in (select id from public.interactions where status = 'completed' order by id limit 10000);
"""


async def main() -> None:
    with a_folder() as folder:
        postgres = Postgres(folder / "home", settings={"max_wal_size": "4GB"})
        postgres.start()
        try:
            await migrations.migrate(postgres.url("postgres"))
            owner = await asyncpg.connect(postgres.url(SUPERUSER))
            await _backlog(owner)
            at_work = await _work(postgres.url("postgres"), asyncio.create_task(asyncio.sleep(4)))
            _say("agents and people at work, nobody else", at_work)
            for step in (*sweeper.RETENTION, *sweeper.ALWAYS):
                web = await asyncpg.connect(postgres.url("floorwalker_web"))
                sweeping = asyncio.create_task(_sweep(web, step))
                took = await _work(postgres.url("postgres"), asyncio.gather(sweeping, asyncio.sleep(1)))
                batches, rows = sweeping.result()
                _say(f"{step}: a batch ({rows / len(batches):,.0f} rows)", batches, LIMIT)
                _say(f"{step}: agents and people beside it", took, LIMIT)
                await web.close()
            await owner.close()
        finally:
            postgres.stop()


async def _backlog(owner: Connection) -> None:
    await contact_centre.hire(owner, SUPERVISORS)
    await contact_centre.archive(owner, OLD)
    await owner.execute("set session_replication_role = replica")
    await owner.execute(_BACKLOG)
    await owner.execute("set session_replication_role = origin")
    await contact_centre.live(owner, history=0, pending=0)
    await owner.execute("update private.settings set value = 20 where name = 'pending_per_agent'")
    await owner.execute(
        """insert into public.tool_permissions (interaction_id, tool_name)
        select interaction_id, 'issue_refund' from public.interaction_pulse cross join generate_series(1, 20)"""
    )
    await owner.execute("set session_replication_role = replica")
    # 20,000 requests that have expired, and a third of the floor not heard of for long.
    await owner.execute("update public.tool_permissions set expires_at = now() where status = 'pending'")
    await owner.execute(
        "delete from public.tool_permissions where interaction_id in (select interaction_id from public.interaction_pulse order by 1 limit 500)"
    )
    await owner.execute(
        """update public.interaction_pulse set last_seen_at = now() - interval '1 day'
        where interaction_id in (select interaction_id from public.interaction_pulse order by 1 limit 500)"""
    )
    await owner.execute("set session_replication_role = origin")
    await owner.execute("vacuum analyze")


async def _sweep(web: Connection, step: str) -> tuple[list[float], int]:
    took: list[float] = []
    rows = 0
    while len(took) < BATCHES:
        began = time.perf_counter()
        done = await web.fetchval("select private.sweep($1)", step)
        took.append((time.perf_counter() - began) * 1000)
        rows += done
        if not done:
            break
        await asyncio.sleep(0.005)
    return took, rows


async def _work(url: str, until: "asyncio.Future[Any]") -> list[float]:
    """Three agents that start, measure, speak, ask and end, and a person who decides, as fast as it goes; each statement's ms."""
    workers = [asyncio.create_task(_agent(url, number, until)) for number in range(3)]
    return [took for one in await asyncio.gather(*workers) for took in one]


async def _agent(url: str, number: int, until: "asyncio.Future[Any]") -> list[float]:
    db = await asyncpg.connect(url)
    found = await db.fetchrow(
        "select id, supervisor_id, agent_type from public.agents where name like 'Agent bench-%' order by id desc offset $1 limit 1",
        number,
    )
    assert found is not None
    agent, supervisor, kind = found
    await db.execute(
        "update public.interactions set status = 'completed' where agent_id = $1 and status = 'active'", agent
    )
    took: list[float] = []

    async def timed(question: str, *arguments: object) -> Any:
        began = time.perf_counter()
        found = await db.fetchval(question, *arguments)
        took.append((time.perf_counter() - began) * 1000)
        return found

    while not until.done():
        # The number of a customer whose old interactions are being forgotten at the same time: both compute first-contact resolution.
        phone = await db.fetchval(
            "select phone_number from public.interactions where phone_number is not null and status <> 'active' order by ended_at limit 1"
        )
        interaction = await timed(
            "insert into public.interactions (agent_id, interaction_type, phone_number) values ($1, $2, $3) returning id",
            agent,
            kind,
            phone,
        )
        for _ in range(5):
            await timed(
                "select * from private.record_metrics(array[$1::uuid], array[$2::uuid], array[clock_timestamp()], array['good'], array[50], array['It goes on.'])",
                agent,
                interaction,
            )
            await timed(
                "insert into public.interaction_turns (interaction_id, speaker, text) values ($1, 'customer', 'It goes on.')",
                interaction,
            )
        asked = await timed(
            "insert into public.tool_permissions (interaction_id, tool_name) values ($1, 'issue_refund') returning id",
            interaction,
        )
        await _decide(db, timed, asked, supervisor)
        await timed("update public.interactions set status = 'completed' where id = $1", interaction)
        await timed(
            """insert into public.interaction_archives (interaction_id, summary, csat_score, tags)
            values ($1, 'It went well.', 90, '{"issues": [{"tag": "order", "status": "resolved"}]}')""",
            interaction,
        )
    await db.close()
    return took


async def _decide(db: Connection, timed: Timed, asked: UUID, supervisor: UUID) -> None:
    async with db.transaction():
        await db.execute(
            "select set_config('request.jwt.claims', $1, true), set_config('role', 'authenticated', true)",
            json.dumps({"sub": str(supervisor)}),
        )
        await timed(
            """select id from public.decide_tool_permission($1, 'denied', null,
              (select arguments_digest from public.tool_permissions where id = $1))""",
            asked,
        )


def _say(what: str, took: list[float], limit: float | None = None) -> None:
    took = sorted(took)
    verdict = "  SHORT" if limit is not None and took[int(len(took) * 0.99)] > limit else ""
    print(
        f"{what:>52}: {len(took):6,} times, median {statistics.median(took):6.1f} ms, p99 {took[int(len(took) * 0.99)]:6.1f}, most {took[-1]:6.1f}{verdict}",
        flush=True,
    )


if __name__ == "__main__":
    asyncio.run(main())
