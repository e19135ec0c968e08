"""The page of a live interaction with 2,000 lines on it, in a real Chromium: its longest task while lines and metrics arrive."""

import asyncio
import time
from typing import Any

from playwright.async_api import Page, async_playwright, expect

from tests.app_server import Agent, AppServer
from tests.bench.table import Row
from tests.browser import chromium
from tests.browser.conftest import sign_in_with
from tests.conftest import a_folder, free_port, serving

LINES = 2_000
LONGEST = 50.0  # ms
# Each task of the page that took longer than 50 ms, as the browser reports it.
_WATCH = "() => { window.tasks = []; new PerformanceObserver((list) => tasks.push(...list.getEntries().map((one) => one.duration))).observe({ type: 'longtask' }); }"


async def run(short: bool) -> list[Row]:
    """One row: a metric and two turns each second."""
    lines, seconds = (400, 2) if short else (LINES, 30)
    path = chromium.find()
    assert path is not None, chromium.ADVICE
    with a_folder() as folder, serving(folder / "home", free_port()) as app_server:
        person = await app_server.hire("voice")
        agent = person.agents[0]
        live = await app_server.start(agent)
        await _say(app_server, agent, live, [f"line {number} of what was said" for number in range(lines)])
        async with app_server.api(agent) as api:
            for score in (50, 60):
                assert (
                    await api.post(f"/interactions/{live}/metrics", json={"satisfaction_score": score})
                ).is_success
                await asyncio.sleep(1)
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=str(path), args=chromium.arguments())
            page = await (await browser.new_context(base_url=app_server.url)).new_page()
            await sign_in_with(page, person)
            await page.goto(f"/interactions/{live}")
            await page.get_by_label("Find in the transcript").fill("said")
            await expect(page.locator(".transcript-box li[data-entry]")).to_have_count(lines)
            await page.get_by_label("Find in the transcript").fill("")
            tasks = await _watch(app_server, agent, live, page, seconds)
            shown = await page.locator(".transcript-box li[data-entry]").count()
            await browser.close()
    assert shown >= lines + 2 * seconds, f"{shown} lines are shown"
    longest = max(tasks, default=0.0)
    return [
        Row(
            f"a transcript with {lines:,} lines while it grows",
            f"no task over {LONGEST:.0f} ms",
            f"{longest:.0f} ms" if tasks else "none",
            f"{len(tasks)} over 50 ms in {seconds} s",
            longest > LONGEST,
            {"longest": longest},
        )
    ]


async def _watch(app_server: AppServer, agent: Agent, live: str, page: Page, seconds: int) -> list[float]:
    await page.wait_for_timeout(2000)
    await page.evaluate(_WATCH)
    async with app_server.api(agent) as api:
        for second in range(seconds):
            began = time.perf_counter()
            metric: dict[str, Any] = {"sentiment": "good", "satisfaction_score": second % 100}
            assert (await api.post(f"/interactions/{live}/metrics", json=metric)).is_success
            await _say(app_server, agent, live, [f"new {second}", f"answer {second}"])
            await asyncio.sleep(max(0.0, 1 - (time.perf_counter() - began)))
    await page.wait_for_timeout(1000)
    found: list[float] = await page.evaluate("tasks")
    return found


async def _say(app_server: AppServer, agent: Agent, live: str, texts: list[str]) -> None:
    turns = [{"speaker": ("customer", "agent")[n % 2], "text": text} for n, text in enumerate(texts)]
    async with app_server.api(agent) as api:
        for start in range(0, len(turns), 100):
            assert (await api.post(f"/interactions/{live}/turns", json=turns[start : start + 100])).is_success
