"""A tab that stays open all day: what two hours of updates, sent in two minutes, leave in its memory."""

import asyncio
from dataclasses import dataclass

import pytest
from playwright.async_api import CDPSession, Page, expect

from tests.app_server import AppServer, Person, decision
from tests.browser.conftest import SignIn

pytestmark = [pytest.mark.browser, pytest.mark.full]

UPDATES = 1_440  # one every five seconds
REQUESTS = 60  # one every two minutes
FIRST = 240  # updates until everything that is kept once is kept
MOOD = ("good", "neutral", "critical")


@dataclass(frozen=True)
class Memory:
    """After a garbage collection: bytes of the heap, nodes and listeners of the document."""

    heap: float
    nodes: float
    listeners: float

    @classmethod
    async def of(cls, session: CDPSession) -> "Memory":
        for _ in range(3):
            await session.send("HeapProfiler.collectGarbage")
        found = {
            one["name"]: one["value"] for one in (await session.send("Performance.getMetrics"))["metrics"]
        }
        return cls(found["JSHeapUsedSize"], found["Nodes"], found["JSEventListeners"])


async def _day(app_server: AppServer, person: Person, live: list[str], page: Page, updates: range) -> None:
    """Metrics of each interaction, and now and then a request that is decided elsewhere, as often as the page can show them."""
    agent = person.agents[0]
    async with app_server.api(agent) as api, app_server.browser_of(person) as browser:
        for n in updates:
            told = {
                "sentiment": MOOD[n % 3],
                "satisfaction_score": n % 101,
                "feed_text": f"Line {n} of a long day.",
            }
            answer = await api.post(f"/interactions/{live[0]}/metrics", json=told)
            assert answer.is_success, answer.text
            if n % (UPDATES // REQUESTS) == 0:
                asked = await app_server.ask(agent, live[0], arguments={"amount": n})
                await browser.post(
                    f"/tool-permissions/{asked['id']}/decision", data=decision(asked, "denied")
                )
            if n % 10 == 0:
                await expect(page.locator("body")).to_contain_text(f"Line {n} of a long day.")
            await asyncio.sleep(0.03)


@pytest.mark.parametrize("whose", ["supervisor", "admin", "interaction"])
async def test_the_memory_of_a_tab_is_flat(
    app_server: AppServer, voice: Person, sign_in: SignIn, whose: str
) -> None:
    viewer = await app_server.hire("admin") if whose == "admin" else voice
    live = [await app_server.start(voice.agents[0])]
    page = await sign_in(viewer)
    if whose == "interaction":
        await page.goto(f"/interactions/{live[0]}")
    elif whose == "admin":
        await page.goto(f"/?supervisor={voice.username}")
    await expect(page.locator("#connection")).to_have_text("Live")
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable")
    await _day(app_server, voice, live, page, range(FIRST))
    await asyncio.sleep(2)
    before = await Memory.of(session)
    await _day(app_server, voice, live, page, range(FIRST, UPDATES))
    await asyncio.sleep(2)
    after = await Memory.of(session)
    # The page of an interaction keeps its lines, of which the server sends the last 300.
    assert after.nodes <= before.nodes * 1.1 + 500, (before, after)
    assert after.listeners <= before.listeners * 1.1 + 20, (before, after)
    assert after.heap <= before.heap * 1.1 + 500_000, (before, after)
