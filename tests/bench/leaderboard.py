"""The leaderboard with 3,400 supervisors and the sums of ten million interactions, in a zone whose days begin at no midnight of UTC.

The page reads sums alone, so the interactions themselves are not made. python -m tests.bench.leaderboard [INTERACTIONS]
"""

import asyncio
import datetime as dt
import statistics
import sys
import time
from urllib.parse import urlencode

import httpx

from tests.app_server import AppServer
from tests.bench import floor, population
from tests.bench.contact_centre import Connection
from tests.bench.table import Row, table
from tests.conftest import a_folder, free_port, serving

INTERACTIONS = 10_000_000
DAYS, PAGE = 92, 15.0  # ms
ZONE = "America/Chicago"
# One row per quarter of an hour in which an agent had an interaction, in the order of the key, then those of days and months.
_QUARTERS = """
insert into private.performance_sums (span, starts_at, key, completed, handle_seconds, rated, csat_hundredths, resolutions, resolution_seconds, fcr_known, fcr_true)
select 'agent_quarter', q.at, a.id, 1, 60 + (h & 511), 1, 4000 + (h & 4095), 1, 60, 1, (h & 7 > 1)::integer
from generate_series(date_trunc('day', now(), 'UTC') - make_interval(days => $1), now(), interval '15 minutes') q (at)
cross join (select id from public.agents where retired_at is null order by id) a
cross join lateral (select hashtext(a.id::text || q.at::text)::bigint & 1048575 as h) z
where h < 1048576 * $2::float8 order by q.at, a.id
"""
_WIDER = """
insert into private.performance_sums (span, starts_at, key, completed, handle_seconds, rated, csat_hundredths, resolutions, resolution_seconds, fcr_known, fcr_true)
select '{span}', date_trunc('{unit}', s.starts_at, 'UTC'), {key}, sum(completed), sum(handle_seconds), sum(rated), sum(csat_hundredths),
  sum(resolutions), sum(resolution_seconds), sum(fcr_known), sum(fcr_true)
from private.performance_sums s join public.agents a on a.id = s.key where span = 'agent_quarter' group by 2, 3 order by 2, 3
"""


async def fill(superuser: Connection, interactions: int, days: int) -> int:
    """The sums of about so many interactions in so many days, of all agents; how many."""
    await superuser.execute("delete from private.performance_changes")
    await superuser.execute("delete from private.performance_sums")
    await superuser.execute("delete from private.performance_ranges")
    agents = await superuser.fetchval("select count(*) from public.agents where retired_at is null")
    await superuser.execute(_QUARTERS, days, min(1.0, interactions / (agents * days * 96)))
    for span, unit, key in (
        ("agent_day", "day", "s.key"),
        ("quarter", "minute", "a.supervisor_id"),
        ("day", "day", "a.supervisor_id"),
        ("month", "month", "a.supervisor_id"),
    ):
        await superuser.execute(_WIDER.format(span=span, unit=unit, key=key))
    await superuser.execute("vacuum analyze private.performance_sums")
    found: int = await superuser.fetchval(
        "select sum(completed)::bigint from private.performance_sums where span = 'month'"
    )
    return found


async def run(short: bool, interactions: int = INTERACTIONS) -> list[Row]:
    """Each range by a supervisor and by an admin: what the first reader waits for, then forty reads."""
    supervisors, wanted, days, times = (20, 5_000, 40, 3) if short else (3_400, interactions, DAYS, 40)
    today = dt.datetime.now(dt.UTC).date()
    with a_folder() as folder, serving(folder / "home", free_port(), **floor.PEOPLE) as app_server:
        everybody = await population.create(app_server, supervisors, 5, 1)
        async with app_server.database("supabase_admin") as db:
            count = await fill(db, wanted, days)
            voice = {
                row["id"]
                for row in await db.fetch("select id from public.users where supervisor_type = 'voice'")
            }
        supervisor = next(one for one in everybody.supervisors if one.id in voice)
        ranges: dict[str, dict[str, object]] = {
            "today": {"period": "today"},
            "month": {"period": "month"},
            "last month": {"period": "last_month"},
            "ten days": {"since": today - dt.timedelta(days=23), "until": today - dt.timedelta(days=14)},
            "85 days": {"since": today - dt.timedelta(days=84)},
            "agents, month": {"period": "month", "board": "agents"},
            "agents, last month": {"period": "last_month", "board": "agents", "by": "fcr"},
        }
        return [
            await _page(app_server, f"{whose}: {name}", cookie, {"type": "voice", **query}, count, times)
            for whose, cookie in (
                ("supervisor", supervisor.cookie),
                ("admin", everybody.admins[0].cookie),
            )
            for name, query in ranges.items()
        ]


async def _page(
    app_server: AppServer, name: str, cookie: str, query: dict[str, object], count: int, times: int
) -> Row:
    took = []
    cookies = {app_server.cookie: cookie, "zone": ZONE}
    async with httpx.AsyncClient(base_url=app_server.url, cookies=cookies, timeout=60) as browser:
        for _ in range(times + 8):  # PostgreSQL plans the first reads one by one
            began = time.perf_counter()
            answer = await browser.get(f"/leaderboard?{urlencode(query)}")
            took.append((time.perf_counter() - began) * 1e3)
            assert answer.status_code == 200, (name, answer.status_code)
    assert 'class="list leaderboard"' in answer.text, f"{name} lists nothing"
    first, took = took[0], sorted(took[8:])
    late = took[min(len(took) - 1, int(len(took) * 0.95))]
    return Row(
        f"leaderboard, {count:,} interactions, {name}",
        f"p95 ≤ {PAGE:.0f} ms",
        f"{late:.1f} ms",
        f"p50 {statistics.median(took):.1f}, most {took[-1]:.1f}, the first {first:.0f} ms",
        late > PAGE,
        {"p95": late},
    )


if __name__ == "__main__":
    many = int(sys.argv[1]) if len(sys.argv) > 1 else INTERACTIONS
    print(table(asyncio.run(run(short=False, interactions=many))))
