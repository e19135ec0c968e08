"""Random clicks, keys and taps on a busy queue: nothing is decided while a card is disabled, and later presses count.

A script of the test (observer.js) watches the page. It does not use the product's own bookkeeping.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, Page, Request, expect

from tests.app_server import PASSWORD, Agent, AppServer, Person, decision

pytestmark = pytest.mark.browser

OBSERVER = Path(__file__).with_name("observer.js").read_text()
DEAD = 700  # ms
SURE = 800  # ms after which a press must count


@dataclass
class Floor:
    """Events behind the page, by agents' programs and by a colleague."""

    app_server: AppServer
    agents: list[Agent]
    colleague: httpx.AsyncClient
    rng: random.Random
    apis: dict[str, httpx.AsyncClient] = field(default_factory=dict)
    live: dict[str, str] = field(default_factory=dict)  # agent's name → interaction
    asked: dict[str, dict[str, Any]] = field(default_factory=dict)  # permission → the API's answer
    posted: list[str] = field(default_factory=list)  # permissions that the page has decided

    async def start(self, agent: Agent) -> None:
        answer = await self.apis[agent.name].post("/interactions", json={"interaction_type": agent.channel})
        self.live[agent.name] = answer.json()["id"]

    async def arrive(self) -> None:
        agent = self.rng.choice(self.agents)
        lines = {f"line {n}": "x" * self.rng.randrange(60) for n in range(self.rng.randrange(4))}
        body = {"tool_name": "issue_refund", "arguments": {"amount": self.rng.randrange(1000), **lines}}
        answer = await self.apis[agent.name].post(
            f"/interactions/{self.live[agent.name]}/tool-permissions", json=body
        )
        if answer.status_code == 201:
            self.asked[answer.json()["id"]] = answer.json()

    async def end(self) -> None:
        agent = self.rng.choice(self.agents)
        path = f"/interactions/{self.live[agent.name]}/end"
        await self.apis[agent.name].post(path, json={"status": "completed"})
        await self.start(agent)

    async def decide_elsewhere(self) -> None:
        if self.asked:
            id_, asked = self.rng.choice(list(self.asked.items()))
            await self.colleague.post(f"/tool-permissions/{id_}/decision", data=decision(asked, "denied"))

    async def measure(self) -> None:
        """A metric of each agent."""
        words = ("", "Yes.", "They say a lot " * 9)
        for agent in self.agents:
            metric = {
                "sentiment": self.rng.choice(["good", "neutral", "critical"]),
                "satisfaction_score": self.rng.randrange(101),
                "feed_text": self.rng.choice(words),
            }
            await self.apis[agent.name].post(f"/interactions/{self.live[agent.name]}/metrics", json=metric)

    async def busy(self, arrivals: float, ends: float) -> None:
        """Without end: so many arrivals and ends a second, and a metric a second of everybody."""

        async def every(seconds: float, what: Callable[[], Awaitable[None]]) -> None:
            while True:
                await asyncio.sleep(self.rng.uniform(0.5, 1.5) * seconds)
                with suppress(
                    httpx.TransportError
                ):  # a kept connection that the server gave up at this moment
                    await what()

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(every(1 / arrivals, self.arrive))
            tasks.create_task(every(1 / ends, self.end))
            tasks.create_task(every(1 / ends, self.decide_elsewhere))
            tasks.create_task(every(1, self.measure))


@asynccontextmanager
async def working(
    app_server: AppServer, people: list[Person], colleague: Person, seed: int
) -> AsyncIterator[Floor]:
    async with AsyncExitStack() as stack:
        browser = await stack.enter_async_context(app_server.browser_of(colleague))
        agents = [agent for person in people for agent in person.agents]
        floor = Floor(app_server, agents, browser, random.Random(seed))
        for agent in agents:
            floor.apis[agent.name] = await stack.enter_async_context(app_server.api(agent))
            await floor.start(agent)
        yield floor


async def opened(
    browser: Browser, app_server: AppServer, person: Person, floor: Floor, path: str = "/"
) -> Page:
    context = await browser.new_context(
        base_url=app_server.url, has_touch=True, viewport={"width": 1200, "height": 800}
    )
    await context.add_init_script(OBSERVER)
    page = await context.new_page()

    def sent(request: Request) -> None:
        if request.method == "POST" and request.url.endswith("/decision"):
            floor.posted.append(request.url.split("/")[-2])

    page.on("request", sent)
    await page.goto("/login")
    await page.get_by_label("E-mail").fill(person.email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.goto(path)
    await expect(page.locator("#connection")).to_have_text("Live")
    return page


BUTTON = """id => {
  const card = document.getElementById(id);
  const button = card?.querySelector(".decision button.primary");  // a crowded queue has links to pages, which nobody follows here
  const target = button?.checkVisibility() ? button : card?.querySelector("header");  // a line is opened by its header
  if (!target?.checkVisibility()) return null;
  const { left, top, width, height } = target.getBoundingClientRect();
  return [left + width / 2, top + height / 2];
}"""


async def act(page: Page, rng: random.Random) -> None:
    """A random action of a person with mouse, keyboard or touch."""
    waiting: list[str] = await page.evaluate("() => [...observed.cards.keys()]")
    what = rng.choice(
        [
            "point",
            "click",
            "click",
            "click",
            "hurry",
            "twice",
            "key",
            "key",
            "keys",
            "tap",
            "scroll",
            "rest",
            "away",
        ]
    )
    if what in ("away", "hurry"):  # nobody is at the queue: it is put in order, and what moves is dead again
        await page.keyboard.press("Escape")
        await page.mouse.move(1190, 5)
        await page.wait_for_timeout(rng.choice([50, 200]))
    card = rng.choice([*waiting[:3], *waiting[-2:]]) if waiting else ""
    at = await page.evaluate(BUTTON, card)
    if at is not None and not 0 < at[1] < 800:
        await page.mouse.wheel(0, at[1] - 400)
        await page.wait_for_timeout(rng.choice([100, 400]))
        at = await page.evaluate(BUTTON, card)
    if what in ("point", "click", "hurry", "twice", "tap") and at is not None:
        if what == "tap":
            await page.touchscreen.tap(*at)
            return
        await page.mouse.move(*at)
        if what == "twice":
            await page.mouse.dblclick(*at)
        elif what in ("click", "hurry"):
            await page.wait_for_timeout(0 if what == "hurry" else rng.choice([0, 100, 400, 900, 1200]))
            await page.mouse.click(*at)  # wherever the card is by now
    elif what == "key":
        await page.keyboard.press(rng.choice("jjk"))
        await page.wait_for_timeout(rng.choice([0, 200, 900]))
        await page.keyboard.press("a")
    elif what == "keys":
        for _ in range(3):
            await page.keyboard.press("a")
            await page.wait_for_timeout(rng.choice([60, 150, 250]))
    elif what == "scroll":
        await page.mouse.wheel(0, rng.choice([-600, -200, 200, 600]))
    elif what == "rest":
        await page.wait_for_timeout(rng.choice([300, 900]))


async def judge(page: Page, floor: Floor) -> None:
    """Every decision of the page was pressed late enough, on a card that a person selected; nearly all such presses count."""
    await page.wait_for_timeout(500)
    presses: list[dict[str, Any]] = await page.evaluate("() => observed.presses")
    posted = list(floor.posted)
    late = [one for one in presses if one["age"] is not None and one["age"] >= SURE]
    # The observer looks once a frame, and frames are late on a busy machine: what may be old enough is.
    in_time = {one["card"] for one in presses if one["oldest"] is not None and one["oldest"] >= DEAD}
    early = [f"tool-permission-{id_}" for id_ in posted if f"tool-permission-{id_}" not in in_time]
    changes: list[dict[str, Any]] = await page.evaluate("() => observed.changes")
    seen = [one for one in [*presses, *changes] if one["card"] in early]
    assert not early, f"decided by a press inside its dead time: {sorted(seen, key=lambda one: one['at'])}"
    for one in presses:
        if one["key"] and one["card"]:
            assert one["card"] == one["selected"], "a key was for a card that no person marked"
    assert len(posted) == len(set(posted)), "a card was decided twice"
    cards = {one["card"] for one in late}
    missed = [card for card in cards if card.removeprefix("tool-permission-") not in posted]
    assert len(missed) <= max(1, len(cards) // 20), (
        f"{len(missed)} of {len(cards)} late presses did not count: {[one for one in late if one['card'] in missed]}"
    )


ENOUGH = """([early, dead, sure, least]) => {
  const seen = observed.presses.filter((one) => one.age !== null);
  const late = new Set(seen.filter((one) => one.age >= sure).map((one) => one.card));
  return seen.filter((one) => one.oldest < dead).length >= early && late.size >= least;
}"""


async def play(
    page: Page, floor: Floor, arrivals: float, ends: float, seconds: float, late: int, early: int
) -> None:
    """For so long, and on until so many cards were pressed after their dead time, and so often within it."""
    going_on = asyncio.create_task(floor.busy(arrivals, ends))
    try:
        async with asyncio.timeout(300 + 5 * seconds):  # for a hang
            stop, enough = asyncio.get_running_loop().time() + seconds, False
            while not going_on.done() and (asyncio.get_running_loop().time() < stop or not enough):
                await act(page, floor.rng)
                await page.wait_for_timeout(floor.rng.choice([20, 100, 300]))
                enough = await page.evaluate(ENOUGH, [early, DEAD, SURE, late])
    finally:
        going_on.cancel()
    result = (await asyncio.gather(going_on, return_exceptions=True))[0]
    assert isinstance(result, asyncio.CancelledError), result


SHORT = [(1, 10)]
LONG = [pytest.param(seed, 60, marks=pytest.mark.full) for seed in range(2, 6)]


@pytest.mark.parametrize(("seed", "seconds"), [*SHORT, *LONG])
async def test_cards_on_a_floor(app_server: AppServer, browser: Browser, seed: int, seconds: float) -> None:
    person, admin = await app_server.hire("voice", agents=3), await app_server.hire("admin")
    async with working(app_server, [person], admin, seed) as floor:
        page = await opened(browser, app_server, person, floor)
        await play(
            page, floor, arrivals=2, ends=0.3, seconds=seconds, late=3 if seconds < 60 else 20, early=1
        )
        await judge(page, floor)
        await page.context.close()


@pytest.mark.parametrize(("seed", "seconds"), [*SHORT, *LONG])
async def test_cards_on_a_wallboard_with_ten_requests_a_second(
    app_server: AppServer, browser: Browser, seed: int, seconds: float
) -> None:
    people = [await app_server.hire("voice", agents=3) for _ in range(3)]
    admin = await app_server.hire("admin")
    async with working(app_server, people, await app_server.hire("admin"), seed) as floor:
        page = await opened(browser, app_server, admin, floor)
        await play(page, floor, arrivals=10, ends=1, seconds=seconds, late=3 if seconds < 60 else 15, early=0)
        await judge(page, floor)
        await page.context.close()
