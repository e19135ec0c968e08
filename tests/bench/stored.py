"""A full database: what a ring costs beside an empty one, and how long every page takes; and how soon the first page is there.

python -m tests.bench.stored [INTERACTIONS]
"""

import asyncio
import json
import statistics
import sys
import time
from pathlib import Path

import asyncpg
import httpx
from playwright.async_api import async_playwright

from tests.app_server import AppServer
from tests.bench import contact_centre, floor, population, processes
from tests.bench.table import Row, table
from tests.browser import chromium
from tests.conftest import a_folder, free_port, serving

STORED = 1_000_000
READS, EACH = 60, 50  # round trips, audiences in each
PAGE, START, PAINT = 30.0, 5.0, 1.0  # ms; s; s
WALLBOARD = 15.0  # ms; unread: nobody has read it within a second, so it is read for this page
UNREAD = 1.1  # s between two of these
_YARD = "select count(*) from generate_series(1, 500000)"  # a fixed amount of work, to compare with on a machine whose speed varies


async def run(short: bool, stored: int = STORED) -> list[Row]:
    """10,000 live interactions of 3,400 supervisors; first with a thousand archived ones, then with the full number."""
    supervisors, interactions = (20, 60) if short else (3_400, 10_000)
    some, many = (100, 1_000) if short else (1_000, stored)
    with a_folder() as folder:
        with serving(folder / "home", free_port(), **floor.PEOPLE) as app_server:
            everybody = await population.create(app_server, supervisors, 5, interactions)
            costs = []
            for count in (some, many - some):
                async with app_server.database("supabase_admin") as db:
                    await contact_centre.archive(db, count)
                costs.append(await _ring(app_server, everybody))
            rows = [_flat(costs, some, many), *await _pages(app_server, everybody, many)]
            rows.append(await _paint(app_server, everybody))
        rows.append(_start(folder / "home"))
    return rows


async def _ring(app_server: AppServer, everybody: population.Population) -> tuple[float, float]:
    """Seconds of CPU in PostgreSQL for one audience read, and for the yardstick."""
    cost = yard = 0.0
    db = await asyncpg.connect(app_server.database_url("floorwalker_web"))
    try:
        questions = [
            json.dumps(
                [
                    {
                        "claims": json.dumps({"sub": str(one.id), "role": "authenticated"}),
                        "page": "floor",
                        "arguments": {"supervisor_id": str(one.id)},
                    }
                    for one in everybody.supervisors[at : at + EACH]
                ]
            )
            for at in range(0, len(everybody.supervisors), EACH)
        ]
        for _ in range(2):  # twice, because statements are planned the first time
            before = processes.own_cpu(db.get_server_pid())
            for n in range(READS):
                rows = await db.fetch(
                    "select failure from private.read_audiences($1)", questions[n % len(questions)]
                )
                assert all(row["failure"] is None for row in rows), rows[0]
            after = processes.own_cpu(db.get_server_pid())
            cost = (after - before) / (READS * len(rows))
            for _ in range(10):
                await db.fetchval(_YARD)
            yard = (processes.own_cpu(db.get_server_pid()) - after) / 10
    finally:
        await db.close()
    return cost, yard


def _flat(costs: list[tuple[float, float]], some: int, many: int) -> Row:
    (few, yard_then), (full, yard_now) = costs
    ratio = full / yard_now * yard_then / few
    return Row(
        f"CPU a ring with {many:,} stored interactions, beside {some:,}",
        "flat (≤ 1.25)",
        f"{ratio:.2f}",
        f"{few * 1e6:.0f} and {full * 1e6:.0f} µs of PostgreSQL; the same work took {yard_now / yard_then:.2f} times as long meanwhile",
        ratio > 1.25,
        {"ratio": ratio},
    )


async def _pages(app_server: AppServer, everybody: population.Population, stored: int) -> list[Row]:
    """Each page forty times, by somebody who may see it; ms from the request to the last byte."""
    async with app_server.database() as db:
        archived = await db.fetchrow(
            "select id, supervisor_id from interactions where status = 'completed' order by ended_at desc limit 1"
        )
    assert archived is not None
    supervisor, admin = everybody.supervisors[0], everybody.admins[0]
    mine = next(one for one in everybody.workers if one.supervisor == supervisor.id)
    pages = {
        "floor": (supervisor, "/"),
        "wallboard": (admin, "/"),
        "wallboard, unread": (admin, "/?sort=newest"),
        "interaction, live": (supervisor, f"/interactions/{mine.interaction}"),
        "interaction, archived": (admin, f"/interactions/{archived['id']}"),
        "leaderboard, today": (supervisor, "/leaderboard?period=today"),
        "leaderboard, month": (supervisor, "/leaderboard?period=month"),
        "system": (admin, "/system"),
        "sign-in": (supervisor, "/login"),
    }
    rows = []
    for name, (who, path) in pages.items():
        took = []
        async with httpx.AsyncClient(
            base_url=app_server.url, cookies={app_server.cookie: who.cookie}, timeout=60
        ) as browser:
            for _ in range(42):
                if name.endswith("unread") and stored == STORED:
                    await asyncio.sleep(UNREAD)
                began = time.perf_counter()
                answer = await browser.get(path)
                took.append((time.perf_counter() - began) * 1e3)
                assert answer.status_code in (200, 303), (path, answer.status_code)
        took = sorted(took[2:])
        late = took[int(len(took) * 0.95)]
        target = WALLBOARD if name.startswith("wallboard") else PAGE
        rows.append(
            Row(
                f"page: {name}, {stored:,} stored",
                f"p95 ≤ {target:.0f} ms",
                f"{late:.1f} ms",
                f"p50 {statistics.median(took):.1f}, most {took[-1]:.1f} ms",
                late > target,
                {"p95": late},
            )
        )
    return rows


async def _paint(app_server: AppServer, everybody: population.Population) -> Row:
    """The first paint of a wallboard in a browser with an empty cache, as the browser measures it."""
    took = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium.find(), args=chromium.arguments())
        for admin in everybody.admins:
            context = await browser.new_context(viewport={"width": 2560, "height": 1440})
            await context.add_cookies(
                [{"name": app_server.cookie, "value": admin.cookie, "url": app_server.url}]
            )
            page = await context.new_page()
            await page.goto(app_server.url)
            await page.locator(".live-list").wait_for()
            painted = "() => performance.getEntriesByName('first-contentful-paint')[0].startTime"
            took.append(await page.evaluate(painted) / 1e3)
            await context.close()
        await browser.close()
    middle = statistics.median(took)
    return Row(
        "first paint of a wallboard",
        f"≤ {PAINT:.0f} s",
        f"{middle:.2f} s",
        f"{min(took):.2f} to {max(took):.2f} s",
        middle > PAINT,
        {"seconds": middle},
    )


def _start(home: Path) -> Row:
    """From the command to the first page, of a home that is there."""
    took = []
    for _ in range(3):
        began = time.monotonic()
        with serving(home, free_port()) as app_server:
            assert httpx.get(f"{app_server.url}/login").status_code == 200
            took.append(time.monotonic() - began)
    return Row(
        "start to first page, warm",
        f"≤ {START:.0f} s",
        f"{statistics.median(took):.1f} s",
        f"{min(took):.1f} to {max(took):.1f} s",
        statistics.median(took) > START,
        {"seconds": statistics.median(took)},
    )


if __name__ == "__main__":
    print(table(asyncio.run(run(short=False, stored=int(sys.argv[1]) if len(sys.argv) > 1 else STORED))))
