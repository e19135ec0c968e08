"""Agents that misbehave as badly as they can do not hide the request of a quiet agent."""

import asyncio
import itertools
import random
import re

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.app_server import Agent, AppServer, Person
from tests.browser.conftest import SignIn, press
from tests.browser.test_floor import ALLOW
from tests.browser.test_queue import armed, card_of
from tests.permissions.test_pending import SMALL, WORST

pytestmark = [pytest.mark.browser, pytest.mark.full]
TEXTS = (
    "\u202e0001 DSU",
    "<script>alert(1)</script>",
    "\n" * 400,
    "&" * 500,
    "\U0001d56c" * 250,
    "\u3164" * 100,
    "\x07\x1b[31m",
)


async def misbehave(app_server: AppServer, agent: Agent, live: str, seed: int) -> None:
    """As fast as it goes: requests of every size and shape, tools that nobody knows, moods, turns; until cancelled."""
    rng = random.Random(seed)
    async with app_server.api(agent) as api:
        for n in itertools.count():
            text = rng.choice(TEXTS)
            asked = {"tool_name": (text.strip() or "x")[:255], "tool_description": text * 3}
            said = {"sentiment": "critical", "satisfaction_score": n % 100, "feed_text": text}
            for path, body in (
                ("tool-permissions", {**asked, "arguments": rng.choice(WORST)}),
                ("metrics", said),
                ("turns", [{"speaker": "customer", "text": text * 5}] * 20),
            ):
                answer: httpx.Response = await api.post(f"/interactions/{live}/{path}", json=body)
                assert answer.status_code < 500, answer.text


async def quiet_asks(app_server: AppServer, agent: Agent, live: str, pages: list[Page], number: int) -> None:
    asked = await app_server.ask(
        agent, live, tool_name="issue_refund", arguments={"amount": number, "order": "W1"}
    )
    for page in pages:
        await expect(card_of(page, asked)).to_be_visible()
        await expect(card_of(page, asked)).to_contain_text("issue_refund")
    page = pages[number % len(pages)]
    card = card_of(page, asked)
    if await card.get_attribute("data-js-open") != "yes":
        await card.locator("header").click()
    await card.evaluate("card => card.scrollIntoView({ block: 'center' })")  # what differs has to be in sight
    await armed(page, asked)
    await press(card.get_by_role("button", name=ALLOW))
    await expect(card_of(page, asked)).to_have_class(re.compile("allowed"))
    async with app_server.api(agent) as api:
        assert (await api.get(f"/tool-permissions/{asked['id']}")).json()["status"] == "allowed"


async def test_the_quiet_one_is_heard(app_server: AppServer, sign_in: SignIn) -> None:
    await app_server.nobody_waits()
    person: Person = await app_server.hire("voice", agents=3)
    quiet, *loud = person.agents
    admin = await app_server.hire("admin")
    lives = [await app_server.start(agent) for agent in person.agents]
    pages = [await sign_in(person), await sign_in(admin)]
    errors: list[str] = []
    for page in pages:
        page.on("pageerror", lambda error: errors.append(str(error)))
    await pages[1].goto(f"/?supervisor={person.username}")
    noise = [
        asyncio.create_task(misbehave(app_server, agent, live, n))
        for n, (agent, live) in enumerate(zip(loud, lives[1:], strict=True))
    ]
    try:
        for number in range(4):
            await quiet_asks(app_server, quiet, lives[0], pages, number)
            assert not any(task.done() for task in noise), "the loud ones gave up"
        async with app_server.browser_of(person) as browser:
            assert len((await browser.get("/")).content) <= SMALL
    finally:
        for task in noise:
            task.cancel()
        done = await asyncio.gather(*noise, return_exceptions=True)
    assert [one for one in done if not isinstance(one, asyncio.CancelledError)] == []
    assert errors == []
