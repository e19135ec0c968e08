"""The history of tool permissions with a million decisions: how long its page takes by filter, and how fast its CSV comes.

python -m tests.bench.history [DECISIONS]
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

DECISIONS = 1_000_000
EACH = 4  # requests of an interaction
PAGE = 50.0  # ms
# In no row or hardly any, so that all rows of the time are searched.
_NOWHERE, _RARE = "q=zzzz", "executed=failed"
QUERIES = (
    "", "days=30", "days=", "status=denied", "days=30&status=timeout", "tool=issue_refund", "late=yes", "q=parcel",
    _NOWHERE, _RARE, *(f"days=30&{one}" for one in (_NOWHERE, _RARE)),
)  # fmt: skip
_DECISIONS = """
insert into public.tool_permissions (interaction_id, agent_id, supervisor_id, tool_name, arguments, arguments_digest, known_tool,
  requested_at, expires_at, status, responded_at, responded_by, responded_by_name, reason, execute_before)
select i.id, i.agent_id, i.supervisor_id, (array['issue_refund', 'check_order', 'change_booking', 'send_replacement'])[1 + (d.n + i.n) % 4],
  jsonb_build_object('order', 'W' || i.n, 'amount', i.n % 500, 'reason', 'parcel arrived broken', 'note', md5(i.id::text || d.n)),
  md5(i.id::text || d.n) || md5(d.n || i.id::text), true, i.started_at + d.n * interval '5 s', i.started_at + d.n * interval '5 s' + interval '6 min',
  s.status, i.started_at + d.n * interval '5 s' + interval '1 s' * (case s.status when 'timeout' then 360 else (i.n * 31 + d.n * 7) % 300 end),
  case when s.status in ('allowed', 'denied') then i.supervisor_id end, case when s.status in ('allowed', 'denied') then 'bench' end,
  case s.status when 'denied' then 'Not allowed by policy' end, case s.status when 'allowed' then i.started_at + interval '1 hour' end
from (select *, row_number() over (partition by supervisor_id order by started_at, id) as n from public.interactions where status = 'completed') i
cross join generate_series(1, $1::integer) as d(n)
cross join lateral (select (array['denied', 'timeout', 'allowed', 'denied', 'allowed', 'allowed', 'allowed', 'allowed', 'allowed', 'allowed'])[1 + (i.n * 4 + d.n) % 10] as status) s
"""


async def run(short: bool, decisions: int = DECISIONS) -> list[Row]:
    """Decisions of this month, four an interaction, of 20 supervisors; read by one of them and by an admin."""
    stored, times = (2_000, 3) if short else (decisions, 40)
    with a_folder() as folder, serving(folder / "home", free_port(), **floor.PEOPLE) as app_server:
        everybody = await population.create(app_server, 20, 1, 60)
        async with app_server.database("supabase_admin") as db:
            await contact_centre.archive(db, stored // EACH)
            count = await _decide(db)
        assert count >= stored - EACH, f"{count} decisions were stored"
        supervisor, admin = everybody.supervisors[0], everybody.admins[0]
        rows = [
            await _page(app_server, whose, who.cookie, query, count, times)
            for whose, who in (("supervisor", supervisor), ("admin", admin))
            for query in QUERIES
        ]
        return [*rows, await _csv(app_server, admin.cookie, count)]


async def _decide(db: "asyncpg.Connection[asyncpg.Record]") -> int:
    """Store decisions of every completed interaction; how many there are then."""
    await db.execute("set session_replication_role = replica")  # without triggers, which would take hours
    await db.execute(_DECISIONS, EACH)
    await db.execute("set session_replication_role = origin")
    await db.execute("vacuum analyze")
    count: int = await db.fetchval("select count(*) from public.tool_permissions")
    return count


async def _page(app_server: AppServer, whose: str, cookie: str, query: str, count: int, times: int) -> Row:
    """One address of the history, read so many times after two that are not measured; ms to the last byte."""
    took = []
    async with httpx.AsyncClient(
        base_url=app_server.url, cookies={app_server.cookie: cookie}, timeout=60
    ) as browser:
        for _ in range(times + 2):
            began = time.perf_counter()
            answer = await browser.get(f"/tool-permissions?{query}")
            took.append((time.perf_counter() - began) * 1e3)
            assert answer.status_code == 200, (query, answer.status_code)
    if not query.endswith(_RARE):
        assert query.endswith(_NOWHERE) == (not _lines(answer.text)), f"{query} shows other rows"
    took = sorted(took[2:])
    late = took[min(len(took) - 1, int(len(took) * 0.95))]
    return Row(
        f"history of {count:,} decisions, {whose}: {query or 'plain'}",
        f"p95 ≤ {PAGE:.0f} ms",
        f"{late:.1f} ms",
        f"p50 {statistics.median(took):.1f}, most {took[-1]:.1f} ms",
        late > PAGE,
        {"p95": late},
    )


def _lines(page: str) -> int:
    """How many decisions the page lists."""
    return page.partition("<tbody")[2].count('href="/tool-permissions/')


async def _csv(app_server: AppServer, cookie: str, count: int) -> Row:
    """The whole history as CSV."""
    lines, began = -1, time.perf_counter()
    async with (
        httpx.AsyncClient(
            base_url=app_server.url, cookies={app_server.cookie: cookie}, timeout=600
        ) as browser,
        browser.stream("GET", "/tool-permissions.csv?days=") as answer,
    ):
        assert answer.status_code == 200
        async for part in answer.aiter_bytes():
            lines += part.count(b"\n")
    rate = lines / (time.perf_counter() - began)
    assert lines == count, f"{lines} of {count} decisions came"
    return Row(f"history of {count:,} decisions as CSV", "", f"{rate:,.0f} rows/s", "", None, {"rate": rate})


if __name__ == "__main__":
    print(
        table(asyncio.run(run(short=False, decisions=int(sys.argv[1]) if len(sys.argv) > 1 else DECISIONS)))
    )
