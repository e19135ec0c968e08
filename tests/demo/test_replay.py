"""Real conversations through the real server: everything sent is stored once, and seen only by its own supervisor."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Error, Locator, Page, expect

from server.demo import cast, recordings
from server.demo.client import Channel
from server.demo.player import Played, Script, Tool
from server.demo.replay import replay
from tests.app_server import AppServer, Person
from tests.browser.conftest import SignIn

DATA = Path(__file__).parents[3] / "shared" / "data"
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not DATA.exists(), reason="the recorded conversations are not here (../shared/data)"),
]

SPEED = 60.0
# Keeps every id that this page ever showed.
WATCH = """() => {
  window.shown = new Set();
  const look = () => {
    for (const card of document.querySelectorAll("[data-interaction]")) window.shown.add(card.dataset.interaction);
    for (const card of document.querySelectorAll(".tool-permission")) window.shown.add(card.id.slice(16));
  };
  look();
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
}"""


def chosen() -> list[Script]:
    """48 conversations of both sources, those with most to decide first; a few without any."""
    scripts = [one.script for one in recordings.read(DATA).scripts]
    found: list[Script] = []
    for source, count in (("star", 26), ("tau-airline", 22)):
        mine = [script for script in scripts if script.name.startswith(source)]
        short = [script for script in mine if script.steps[-1].at < 420]
        short.sort(key=lambda script: -sum(isinstance(s, Tool) and s.asks for s in script.steps))
        found += short[: count - 4] + short[-4:]
    return found


# Brings what differs from the last request into sight, as a person scrolls before they allow.
CHANGES = """async card => {
  card.querySelector(".arguments-scroll").scrollIntoView({ block: "center" });
  for (const row of card.querySelectorAll("tr.changed")) {
    row.scrollIntoView({ block: "nearest" });
    await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  }
}"""


async def decide(page: Page) -> None:
    """A supervisor at work, by pointer: opens the first pending request, and allows it or denies it with a reason."""
    while True:
        try:
            name = await page.locator(".tool-permission.pending").first.get_attribute("id", timeout=2000)
            assert name
            await answer(page, page.locator(f"#{name}"), deny=int(name[-1], 16) % 3 == 0)
            await expect(page.locator(f"#{name}.pending")).to_have_count(0, timeout=5000)
        except (Error, AssertionError):
            await asyncio.sleep(0.1)  # nothing is pending, or a press came within the dead time


async def answer(page: Page, card: Locator, *, deny: bool) -> None:
    if await card.get_attribute("data-js-open", timeout=2000) != "yes":
        await card.locator("header").click(timeout=2000)
    await card.evaluate(CHANGES, timeout=2000)
    # Buttons that scrolling moved are disabled, and Playwright may press before they are.
    await page.wait_for_timeout(800)
    if not deny:
        await card.locator("[data-key=a]").click(timeout=2000)
        return
    if not await card.locator(".deny[open]").count():
        await card.locator("summary[data-key=d]").click(timeout=2000)
    reason = f"No, says {await card.get_attribute('id')}"  # each its own, so that none can be another's
    await card.locator("input[name=reason]").fill(reason, timeout=2000)
    await card.locator(".written button").click(timeout=2000)


@asynccontextmanager
async def at_work(pages: list[Page]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(decide(page)) for page in pages]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.full
async def test_everything_replayed_is_kept_once_and_on_the_right_screen_only(
    app_server: AppServer, sign_in: SignIn
) -> None:
    scripts = chosen()
    assert len(scripts) >= 40
    used = [(step.name, step.asks) for script in scripts for step in script.steps if isinstance(step, Tool)]
    channels: tuple[Channel, ...] = ("voice", "chat", "voice", "chat")
    people = [await app_server.hire(channel, agents=0) for channel in channels]
    for person, channel in zip(people, channels, strict=True):
        for number in range(3):
            name = f"{person.username} {number + 1}"
            person.agents.append(await app_server.add_agent(person, channel, name, cast.tools(used)))
    pages = [await sign_in(person) for person in people]
    for page in pages:
        await page.evaluate(WATCH)
    agents = [(agent.key, agent.channel) for person in people for agent in person.agents]

    async with at_work(pages):
        played = await replay(app_server.url, agents, scripts, speed=SPEED, voice_share=0.5)

    assert [one.trouble for one in played if one.trouble] == []
    assert len(played) == len(scripts)
    assert {one.script.channel for one in played} == {"voice", "chat"}
    owners = await stored_as_sent(app_server, people, played)
    assert sum(len(one.permissions) for one in played) >= 40
    answers = {p.status for one in played for p in one.permissions}
    assert {"allowed", "denied"} <= answers, answers
    shown = [set(await page.evaluate("() => [...window.shown]")) for page in pages]
    for person, ids in zip(people, shown, strict=True):
        mine = {thing for thing, owner in owners.items() if owner == person.id}
        assert ids == mine, [what(thing, played) for thing in ids ^ mine]


def what(thing: str, played: list[Played]) -> str:
    """An id that was not where it should be, in words."""
    for one in played:
        if str(one.interaction_id) == thing:
            return f"interaction {one.script.name} of {one.script.steps[-1].at / SPEED:.1f} s"
        for asked in one.permissions:
            if asked.id == thing:
                return f"tool permission {asked.status} in {one.script.name}"
    return f"unknown {thing}"


async def stored_as_sent(
    app_server: AppServer, people: list[Person], played: list[Played]
) -> dict[str, object]:
    """Compare with the database; interaction and permission ids with the supervisor they belong to."""
    everyone = [person.id for person in people]
    async with app_server.database() as owner:
        interactions = await owner.fetch(
            "select * from public.interactions where supervisor_id = any ($1)", everyone
        )
        metrics = await owner.fetch(
            "select * from public.realtime_metrics where supervisor_id = any ($1) order by timestamp",
            everyone,
        )
        turns = await owner.fetch(
            "select * from public.interaction_turns where supervisor_id = any ($1) order by captured_at",
            everyone,
        )
        permissions = await owner.fetch(
            "select * from public.tool_permissions where supervisor_id = any ($1)", everyone
        )
        archives = await owner.fetch(
            "select * from public.interaction_archives where supervisor_id = any ($1)", everyone
        )
        pulses = await owner.fetchval(
            "select count(*) from public.interaction_pulse where supervisor_id = any ($1)", everyone
        )
        busy = await owner.fetchval(
            "select count(*) from public.agents where supervisor_id = any ($1) and status <> 'idle'", everyone
        )
    assert (pulses, busy) == (0, 0)
    owners: dict[str, object] = {str(row["id"]): row["supervisor_id"] for row in interactions}
    assert sorted(owners) == sorted(str(one.interaction_id) for one in played)
    by_id = {str(row["id"]): row for row in interactions}
    archive_of = {str(row["interaction_id"]): row for row in archives}
    assert len(archives) == len(played)
    for one in played:
        row, archive = by_id[str(one.interaction_id)], archive_of[str(one.interaction_id)]
        assert (row["status"], row["phone_number"]) == (one.script.status, one.script.phone)
        assert row["interaction_type"] == one.script.channel
        sent = one.script.archive
        assert (archive["summary"], archive["csat_score"]) == (sent.summary, sent.csat_score)
        assert archive["issues"] == sent.issues
        assert archive["tags"] == sent.tags
    assert [
        (str(m["interaction_id"]), m["timestamp"], m["sentiment"], m["satisfaction_score"], m["feed_text"])
        for m in metrics
    ] == by_time(
        (str(one.interaction_id), m.captured_at, m.sentiment, m.satisfaction_score, m.feed_text)
        for one in played
        for m in one.metrics
    )
    assert [(str(t["interaction_id"]), t["captured_at"], t["speaker"], t["text"]) for t in turns] == by_time(
        (str(one.interaction_id), t.captured_at, t.speaker, t.text) for one in played for t in one.turns
    )
    kept = {str(p["id"]): (p["status"], json.dumps(p["arguments"]), p["reason"]) for p in permissions}
    asked = {p.id: (p.status, json.dumps(p.arguments), p.reason) for one in played for p in one.permissions}
    assert kept == asked
    executed = {str(p["id"]): p["execution_id"] and str(p["execution_id"]) for p in permissions}
    assert executed == {p.id: p.execution_id for one in played for p in one.permissions}
    return owners | {str(p["id"]): p["supervisor_id"] for p in permissions}


def by_time(rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(rows, key=lambda row: row[1])
