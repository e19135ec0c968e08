"""What a metric costs when the table is large: insert, look and delete, in one table and in daily partitions."""

import asyncio
import statistics
import sys
import time
from typing import TypeAlias

import asyncpg

from server.embedded.postgres import SUPERUSER, Postgres
from server.kernel.db import migrations
from tests.bench import contact_centre
from tests.conftest import a_folder

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
ROWS = 2_000_000
LIVE = 15_000  # interactions that were measured at the same time
BATCH = 100
SETTINGS = {"max_wal_size": "8GB", "shared_buffers": "1GB", "maintenance_work_mem": "512MB"}

# The same table by days. The unique key must contain the day's column, which can only come from the agent's clock.
_DAYS = """
create table public.metrics_by_day (like public.realtime_metrics including defaults including identity) partition by range (timestamp);
alter table public.metrics_by_day add primary key (id, timestamp), add unique (interaction_id, timestamp);
create index on public.metrics_by_day (created_at);
"""
_LOAD = """
insert into public.{table} (interaction_id, supervisor_id, timestamp, sentiment, satisfaction_score, feed_text, created_at)
select i.id, i.supervisor_id, s.at, 'good', 80, 'The customer asks where the order is.', s.at
from (select now() - interval '30 days' + make_interval(secs => 5.0 * n) + make_interval(secs => 86400.0 * (n / {a_day})) as at
      from generate_series($1::integer, $2::integer - 1) n) s
cross join (select id, supervisor_id from public.interactions where external_id like 'bench-%' order by id) i
"""


async def main(rows: int = ROWS) -> None:
    with a_folder() as folder:
        postgres = Postgres(folder / "home", settings=SETTINGS)
        postgres.start()
        try:
            await migrations.migrate(postgres.url("postgres"))
            connection = await asyncpg.connect(postgres.url(SUPERUSER))
            try:
                await _measure(connection, rows)
            finally:
                await connection.close()
        finally:
            postgres.stop()


async def _measure(db: Connection, rows: int) -> None:
    await contact_centre.hire(db, LIVE // 3)
    await db.execute(
        """insert into public.interactions (agent_id, interaction_type, status, external_id, started_at, ended_at)
        select id, agent_type, 'failed', 'bench-' || id, now() - interval '30 days', now() - interval '25 hours' from public.agents"""
    )
    await db.execute(
        "insert into public.interactions (agent_id, interaction_type) select id, agent_type from public.agents"
    )
    await db.execute("vacuum analyze")
    _say("metrics, API's statement of 100, empty table", await _record(db))
    await db.execute(_DAYS)
    a_day = max(1, rows // LIVE // 7)  # a week of days, so that no partition is small
    first = await db.fetchval("select date_trunc('day', now() - interval '30 days')")
    for day in range(40):
        await db.execute(
            f"create table public.metrics_by_day_{day} partition of public.metrics_by_day "
            f"for values from ('{first}'::timestamptz + interval '{day} days') to ('{first}'::timestamptz + interval '{day + 1} days')"
        )
    for table in ("realtime_metrics", "metrics_by_day"):
        took = time.monotonic()
        await db.execute("set session_replication_role = replica")
        for at in range(0, rows // LIVE, 70):
            await db.execute(_LOAD.format(table=table, a_day=a_day), at, min(at + 70, rows // LIVE))
        await db.execute("set session_replication_role = origin")
        await db.execute(f"analyze public.{table}")
        size = await db.fetchval(
            "select sum(pg_total_relation_size(relid))::bigint from (select $1::regclass as relid union select relid from pg_partition_tree($1::regclass)) t",
            f"public.{table}",
        )
        print(
            f"{table}: {rows:,} rows loaded in {time.monotonic() - took:.0f} s, {size / 1e9:.1f} GB with indexes",
            flush=True,
        )
    _say("metrics, API's statement of 100, full table", await _record(db))
    for table in ("realtime_metrics", "metrics_by_day"):
        _say(f"bare insert of 100 rows into {table}", await _insert(db, table))
    await _delete(db)
    took = time.monotonic()
    await db.execute("vacuum public.realtime_metrics")
    print(f"vacuum after it: {time.monotonic() - took:.1f} s", flush=True)
    took = time.monotonic()
    await db.execute("drop table public.metrics_by_day_0, public.metrics_by_day_1")
    print(f"drop of two partitions: {(time.monotonic() - took) * 1000:.0f} ms", flush=True)


async def _record(db: Connection) -> list[float]:
    live = await db.fetch(
        "select id, agent_id from public.interactions where status = 'active' order by random() limit $1",
        BATCH,
    )
    took = []
    for n in range(200):
        at = time.perf_counter()
        await db.fetch(
            """select * from private.record_metrics($1, $2, (select array_agg(clock_timestamp()) from unnest($1::uuid[])),
              array_fill('good'::text, array[$3::integer]), array_fill($4::numeric, array[$3]), array_fill('It goes on.'::text, array[$3]))""",
            [row["agent_id"] for row in live],
            [row["id"] for row in live],
            BATCH,
            n % 100,
        )
        took.append((time.perf_counter() - at) * 1000)
    return took


async def _insert(db: Connection, table: str) -> list[float]:
    """Without triggers, in either layout: what the table and its indexes cost."""
    await db.execute("set session_replication_role = replica")
    took = []
    for _ in range(200):
        at = time.perf_counter()
        await db.execute(
            f"""insert into public.{table} (interaction_id, supervisor_id, timestamp, sentiment, satisfaction_score, feed_text)
            select id, supervisor_id, clock_timestamp(), 'good', 80, 'It goes on.' from public.interactions
            where status = 'active' limit $1""",
            BATCH,
        )
        took.append((time.perf_counter() - at) * 1000)
    await db.execute("set session_replication_role = origin")
    return took


async def _delete(db: Connection) -> None:
    took, gone = [], 0
    for _ in range(200):
        at = time.perf_counter()
        count = await db.fetchval("select private.cleanup_realtime_metrics()")
        took.append((time.perf_counter() - at) * 1000)
        gone += count
        if not count:
            break
    _say(f"batch of the clean-up ({gone / len(took):,.0f} rows)", took)
    print(f"clean-up: {gone / sum(took) * 1000:,.0f} rows a second", flush=True)


def _say(what: str, took: list[float]) -> None:
    took = sorted(took)
    print(
        f"{what}: median {statistics.median(took):.1f} ms, p95 {took[int(len(took) * 0.95)]:.1f} ms, most {took[-1]:.1f} ms",
        flush=True,
    )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS))
