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
FEW = 300  # decisions of a third reader, a supervisor with hardly any
# 1 in 3,000; 1 in 900 (W123, W1230 …) and those of them that are denied; 1 in 90.
_FAILED, _SOME = "executed=failed", ("q=W123", "q=W123&status=denied", "q=amount%22%3A+77")
# In no row: a text, one of two characters, words that are each in every row but not side by side, a sign.
_NOWHERE = ("q=zzzz", "q=zq", "q=broken+parcel", "q=%25")
# What few decisions have: in no row, and in those that the preparation left.
_RARE, _LEFT = (
    ("who=nobody", "how=limit", "tool=none", "executed=started", "status=timeout&who=bench"),
    "status=cancelled",
)
_TEXTS = ("q=parcel", "q=parcel&status=timeout", *_SOME, *_NOWHERE)
QUERIES = (
    "", "days=30", "days=", "status=denied", "days=30&status=timeout", "tool=issue_refund", "late=yes",
    *(f"{days}{one}" for days in ("", "days=30&") for one in (*_TEXTS, *_RARE, _LEFT, _FAILED)),
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
_FAILURES = """
update public.tool_permissions set execution_id = gen_random_uuid(), executed_at = responded_at, execution_succeeded = false, execution_reported_at = responded_at
where status = 'allowed' and hashtext(id::text) % 3000 = 0
"""
_FEW = """
insert into public.interactions (agent_id, supervisor_id, interaction_type, phone_number, status, started_at, ended_at, created_at)
select id, supervisor_id, agent_type, '+494055555', 'completed', now() - n * interval '2 hours', now() - n * interval '2 hours' + interval '5 minutes', now()
from public.agents cross join generate_series(1, $2::integer) n where id = $1
"""
_INDEX = "private.decision_search_key"  # made at once and not row by row
_SEARCH = """
insert into private.decision_search (tool_permission_id, agent_id, requested_at, key)
select id, agent_id, requested_at, private.decision_key(t) from public.tool_permissions t order by requested_at
"""


async def run(short: bool, decisions: int = DECISIONS) -> list[Row]:
    """Decisions of this month, four an interaction, of 20 supervisors; read by one of them and by an admin."""
    stored, times = (2_000, 3) if short else (decisions, 40)
    with a_folder() as folder, serving(folder / "home", free_port(), **floor.PEOPLE) as app_server:
        everybody = await population.create(app_server, 20, 1, 60)
        async with app_server.database("supabase_admin") as db:
            await contact_centre.archive(db, stored // EACH)
            few = await app_server.hire("voice")
            await db.execute(
                "set session_replication_role = replica"
            )  # without triggers, which would take hours
            await db.execute(_FEW, few.agents[0].id, FEW // EACH)
            count = await _decide(db)
        assert count >= stored - EACH, f"{count} decisions were stored"
        async with app_server.browser_of(few) as browser:
            cookie = browser.cookies[app_server.cookie]
        readers = {
            "supervisor": everybody.supervisors[0].cookie,
            f"one with {FEW}": cookie,
            "admin": everybody.admins[0].cookie,
        }
        rows = [
            await _page(app_server, whose, cookie, query, count, times)
            for whose, cookie in readers.items()
            for query in QUERIES
        ]
        return [*rows, await _csv(app_server, readers["admin"], count)]


async def _decide(db: "asyncpg.Connection[asyncpg.Record]") -> int:
    """Store decisions of every completed interaction; how many there are then."""
    await db.execute(_DECISIONS, EACH)
    await db.execute(_FAILURES)
    index = await db.fetchval("select pg_get_indexdef($1::text::regclass)", _INDEX)
    async with db.transaction():  # the sweeper, which would make the same rows, waits
        await db.execute(f"truncate private.decision_search; drop index {_INDEX}")
        await db.execute(_SEARCH)
        await db.execute(f"set local maintenance_work_mem = '1GB'; {index}")
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
    if not query.endswith((*_SOME, _FAILED, _LEFT)):
        assert query.endswith((*_NOWHERE, *_RARE)) == (not _lines(answer.text)), f"{query} shows other rows"
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
