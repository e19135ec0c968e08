"""The page Interactions over a large contact centre: how long it takes by filter and by word, and how fast its CSV comes.

python -m tests.bench.finding [INTERACTIONS]
"""

import asyncio
import statistics
import sys
import time

import asyncpg
import httpx

from tests.app_server import AppServer
from tests.bench import contact_centre, floor, population
from tests.bench.table import Row, table
from tests.conftest import a_folder, free_port, serving

INTERACTIONS = 1_000_000
PAGE, SEARCH = 50.0, 200.0  # ms
CSV = 100_000  # rows a second
# Words and topics are in one row of so many: k1 in a thousand, w1 in fifty thousand, zzzz in none.
FILTERS = (
    "", "days=30", "days=", "outcome=failed", "days=&sentiment=critical", "channel=chat", "days=&topic=topic-3", "days=&topic=rare",
    "days=&topic=nowhere", "days=&csat=low&sentiment=critical", "days=&sort=csat&up=yes", "days=&sort=duration", "days=&sort=satisfaction&up=yes",
    "days=&issue=open&channel=voice",
)  # fmt: skip
SEARCHES = (
    "days=&q=order",
    "days=&q=k1",
    "days=&q=w1",
    "days=&q=order+w1",
    "days=&q=zzzz",
    "days=&q=40104729",
    "days=&q=rder",
)
_INDEXES = """
select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as definition from pg_index
where indrelid = 'private.interaction_search'::regclass and not indisunique
"""
_ROWS = """
insert into private.interaction_search (interaction_id, supervisor_id, agent_id, started_at, duration_seconds, satisfaction, csat, labels, words, cells)
select i.id, i.supervisor_id, i.agent_id, i.started_at, i.duration_seconds, i.h % 101, c.csat_score,
  array['channel:' || i.interaction_type, 'outcome:' || case when i.h % 50 = 0 then 'failed' else 'completed' end, 'topic:topic-' || i.h % 20,
    'sentiment:' || case when i.h % 20 = 0 then 'critical' when i.h % 3 = 0 then 'neutral' else 'good' end,
    'csat:' || case when c.csat_score < 50 then 'low' when c.csat_score < 80 then 'middle' else 'high' end,
    'issues:' || case when i.h % 10 = 0 then 'open' else 'resolved' end]
    || case when i.h % 100000 = 7 then array['topic:rare'] else '{}' end,
  strip(to_tsvector('simple', c.summary || ' k' || i.h % 1000 || ' w' || i.h % 50000))
    || array_to_tsvector(array(select right(ltrim(i.phone_number, '+'), n) from generate_series(3, length(i.phone_number) - 1) n)),
  -- As private.interaction_cells says it of these rows, which would take minutes for each million.
  array[concat_ws(',', i.started_at, i.ended_at, i.duration_seconds), concat_ws(',', i.interaction_type, private.csv_cell('···' || right(i.phone_number, 4)),
    i.status, '', i.h % 101, case when i.h % 20 = 0 then 'critical' when i.h % 3 = 0 then 'neutral' else 'good' end, c.csat_score, 'false', '"order"',
    '"order"', private.csv_cell(c.summary), 0, 0, 0, 0, '', false, i.id)]
from (select *, hashtext(id::text)::bigint & 1048575 as h from public.interactions where status = 'completed') i
join public.interaction_archives c on c.interaction_id = i.id
order by i.started_at
"""


async def run(short: bool, interactions: int = INTERACTIONS) -> list[Row]:
    """Interactions of this month, of 20 supervisors; found by one of them and by an admin."""
    stored, times = (2_000, 3) if short else (interactions, 40)
    with a_folder() as folder, serving(folder / "home", free_port(), **floor.PEOPLE) as app_server:
        everybody = await population.create(app_server, 20, 1, 60)
        async with app_server.database("supabase_admin") as db:
            await contact_centre.archive(db, stored)
            count = await make_findable(db)
        people = (("supervisor", everybody.supervisors[0]), ("admin", everybody.admins[0]))
        rows = [
            await _page(app_server, whose, who.cookie, query, count, times, limit)
            for whose, who in people
            for queries, limit in ((FILTERS, PAGE), (SEARCHES, SEARCH))
            for query in queries
        ]
        return [*rows, await _csv(app_server, people[1][1].cookie, count)]


async def make_findable(db: "asyncpg.Connection[asyncpg.Record]") -> int:
    """What the triggers would have made; how many rows there are then."""
    indexes = await db.fetch(_INDEXES)
    for index in indexes:
        await db.execute(f"drop index {index['name']}")
    await db.execute("truncate private.interaction_search")
    await db.execute(_ROWS)
    await db.execute("set maintenance_work_mem = '1GB'")
    for index in indexes:
        await db.execute(index["definition"])
    await db.execute("reset maintenance_work_mem")
    await db.execute("vacuum analyze private.interaction_search")
    count: int = await db.fetchval("select count(*) from private.interaction_search")
    return count


async def _page(
    app_server: AppServer, whose: str, cookie: str, query: str, count: int, times: int, limit: float
) -> Row:
    """One address, read so many times after two that are not measured; ms to the last byte."""
    took = []
    cookies = {app_server.cookie: cookie}
    async with httpx.AsyncClient(base_url=app_server.url, cookies=cookies, timeout=60) as browser:
        for _ in range(times + 2):
            began = time.perf_counter()
            answer = await browser.get(f"/interactions?{query}")
            took.append((time.perf_counter() - began) * 1e3)
            assert answer.status_code == 200, (query, answer.status_code)
    if query in ("", "days="):
        assert 'data-label="Duration"' in answer.text, f"{query} lists nothing"
    took = sorted(took[2:])
    late = took[min(len(took) - 1, int(len(took) * 0.95))]
    return Row(
        f"{count:,} interactions, {whose}: {query or 'plain'}",
        f"p95 ≤ {limit:.0f} ms",
        f"{late:.1f} ms",
        f"p50 {statistics.median(took):.1f}, most {took[-1]:.1f} ms",
        late > limit,
        {"p95": late},
    )


async def _csv(app_server: AppServer, cookie: str, count: int) -> Row:
    """All of them as CSV."""
    lines, began = -1, time.perf_counter()
    cookies = {app_server.cookie: cookie}
    async with (
        httpx.AsyncClient(base_url=app_server.url, cookies=cookies, timeout=600) as browser,
        browser.stream("GET", "/interactions.csv?days=") as answer,
    ):
        assert answer.status_code == 200
        async for part in answer.aiter_bytes():
            lines += part.count(b"\n")
    rate = lines / (time.perf_counter() - began)
    assert lines == count, f"{lines} of {count} interactions came"
    return Row(
        f"{count:,} interactions as CSV",
        f"≥ {CSV:,} rows/s",
        f"{rate:,.0f} rows/s",
        "",
        rate < CSV,
        {"rate": rate},
    )


if __name__ == "__main__":
    many = int(sys.argv[1]) if len(sys.argv) > 1 else INTERACTIONS
    print(table(asyncio.run(run(short=False, interactions=many))))
