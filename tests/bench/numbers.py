"""Leaderboard, views and live pages over two million archived interactions of 5,000 supervisors, all of this month."""

import asyncio
import json
import statistics
import sys
import time
from typing import TypeAlias
from uuid import UUID

import asyncpg

from server.embedded.postgres import SUPERUSER, Postgres
from server.kernel.db import migrations
from tests.bench import contact_centre
from tests.conftest import a_folder

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
SUPERVISORS, INTERACTIONS = 5_000, 2_000_000
LIMIT = 150  # ms
SETTINGS = {"max_wal_size": "4GB", "synchronous_commit": "off"}  # of the load; what is measured only reads
NAMES = "set_config('role', 'authenticated', true), set_config('request.jwt.claims', $1, true)"
READS = {
    "leaderboard, month": "select * from leaderboard('month', 'UTC')",
    "leaderboard, month that begins at night in UTC": "select * from leaderboard('month', 'America/Los_Angeles')",
    "leaderboard, today": "select * from leaderboard('today', 'UTC')",
    "score of one": "select calculate_performance_score((select id from users where role = 'supervisor' limit 1))",
    "supervisor_performance": "select * from supervisor_performance",
    "agent_performance": "select * from agent_performance",
}
# As the specification writes it: every row of the month, each time. Read as the owner, without policies.
HISTORY = """
select i.supervisor_id, count(*), avg(r.csat_score), avg(i.duration_seconds),
  100.0 * count(*) filter (where r.fcr_status) / nullif(count(r.fcr_status), 0)
from interactions i left join interaction_archives r on r.interaction_id = i.id
where i.status = 'completed' and i.started_at >= date_trunc('month', now()) group by i.supervisor_id
"""


async def main(interactions: int = INTERACTIONS) -> None:
    with a_folder() as folder:
        postgres = Postgres(folder / "home", settings=SETTINGS)
        postgres.start()
        try:
            await migrations.migrate(postgres.url("postgres"))
            owner = await asyncpg.connect(postgres.url(SUPERUSER))
            reader = await asyncpg.connect(postgres.url("floorwalker_web"))
            try:
                await _measure(owner, reader, interactions)
            finally:
                await reader.close()
                await owner.close()
        finally:
            postgres.stop()


async def _measure(owner: Connection, reader: Connection, interactions: int) -> None:
    began = time.monotonic()
    await contact_centre.hire(owner, SUPERVISORS)
    await contact_centre.archive(owner, interactions)
    print(
        f"{interactions:,} interactions of {SUPERVISORS:,} supervisors loaded in {time.monotonic() - began:.0f} s",
        flush=True,
    )
    await owner.execute(
        """insert into auth.users (id, email, raw_app_meta_data) values (gen_random_uuid(), 'boss@example.com', '{"app_role": "admin"}')"""
    )
    people: dict[str, UUID] = {
        role: await owner.fetchval("select id from users where role = $1 order by id limit 1", role)
        for role in ("supervisor", "admin")
    }
    history = await _time(owner, HISTORY, 3)
    print(f"{'all rows of the month, as specified':>52}: median {history:7.1f} ms", flush=True)
    for role, person in people.items():
        for name, question in READS.items():
            took = await _time(reader, question, 9, person)
            verdict = "" if took < LIMIT else "  SHORT"
            print(
                f"{role + ': ' + name:>52}: median {took:7.1f} ms, 1/{history / took:,.0f} of it{verdict}",
                flush=True,
            )


async def _time(connection: Connection, question: str, times: int, person: UUID | None = None) -> float:
    took = []
    for _ in range(times):
        async with connection.transaction():
            if person is not None:
                await connection.execute(f"select {NAMES}", json.dumps({"sub": str(person)}))
            began = time.perf_counter()
            await connection.fetch(question)
            took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else INTERACTIONS))
