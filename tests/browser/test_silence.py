"""Agents' cards in a real Chromium: silence, the order and who may change it, and what a screen reader is told."""

import asyncio
import re

import pytest
from playwright.async_api import Page, expect

from tests.app_server import Agent, AppServer, Person
from tests.browser.conftest import SignIn
from tests.browser.test_floor import metric

pytestmark = pytest.mark.browser

# Keeps every text that a polite live region gets.
LISTEN = """() => {
  window.said = [];
  const changes = document.getElementById("changes");
  new MutationObserver(() => window.said.push(changes.textContent)).observe(changes, { childList: true, characterData: true, subtree: true });
}"""
SAID = "() => window.said"
# Live regions that hold something that ticks or scrolls by.
NOISY = """() => [...document.querySelectorAll("[aria-live], [role=status], [role=log], [role=alert]")]
  .filter((one) => one.querySelector("time, .feed, .score, .card, tr")).map((one) => one.id)"""


async def report(app_server: AppServer, agent: Agent, live: str, sentiment: str, score: int) -> None:
    async with app_server.api(agent) as api:
        await metric(api, live, sentiment, score, f"{sentiment} {score}")


async def fall_silent(app_server: AppServer, live: str, seconds: int) -> None:
    """As if nothing had been received for so long; the sweeper notices."""
    async with app_server.database() as owner:
        await owner.execute(
            "update interaction_pulse set last_seen_at = now() - make_interval(secs => $2) where interaction_id = $1",
            live,
            seconds,
        )


async def says(page: Page, *texts: str) -> None:
    """Wait for exactly these announcements, one after another."""
    await expect(page.locator("#changes")).to_have_text(texts[-1])
    assert await page.evaluate(SAID) == list(texts)


async def test_a_silent_agent_says_so_counts_in_no_score_and_comes_back(
    app_server: AppServer, sign_in: SignIn
) -> None:
    person = await app_server.hire("voice", agents=2)
    good, bad = person.agents
    page = await sign_in(person)
    lives = [await app_server.start(agent) for agent in person.agents]
    await report(app_server, good, lives[0], "good", 90)
    await report(app_server, bad, lives[1], "critical", 30)
    number = page.locator("#numbers > div")
    average = number.filter(has_text="average satisfaction").locator("dd")
    await expect(average).to_have_text("60%")
    card = page.locator(f"#agent-{bad.id}")
    await expect(card).to_have_class(re.compile("critical"))
    await page.wait_for_timeout(400)  # until the announcements of the beginning have been made
    await page.evaluate(LISTEN)

    await fall_silent(app_server, lives[1], 72)
    await expect(card.locator(".sentiment")).to_have_text(re.compile(r"Silent 1:1\d"))
    await expect(card).to_contain_text(re.compile(r"Last known at \d\d:\d\d:\d\d, nothing received since"))
    await expect(card.locator(".satisfaction")).to_have_text("30%")
    await expect(card).to_have_css("border-top-style", "dashed")
    await expect(average).to_have_text("90%")
    for name, count in (("active", "2"), ("critical", "0"), ("silent", "1")):
        await expect(number.filter(has_text=name).locator("dd")).to_have_text(count)
    await says(page, f"{bad.name} is silent")

    await report(app_server, bad, lives[1], "critical", 20)
    await expect(card.locator(".sentiment")).to_have_text("critical")
    await expect(average).to_have_text("55%")
    await expect(number.filter(has_text="silent").locator("dd")).to_have_text("0")
    await says(page, f"{bad.name} is silent", f"{bad.name} is heard again. {bad.name} became critical")


@pytest.mark.full
async def test_the_wallboard_says_who_is_silent(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    page = await sign_in(await app_server.hire("admin"))
    live = await app_server.start(voice.agents[0])
    await report(app_server, voice.agents[0], live, "critical", 3)
    await page.goto(f"/?supervisor={voice.username}")
    row = page.locator(f"#interaction-{live}")
    await expect(row.locator(".sentiment")).to_have_text("critical")
    await expect(page.locator("#connection")).to_have_text("Live")
    await page.evaluate(LISTEN)
    await fall_silent(app_server, live, 40)
    await expect(row.locator(".sentiment")).to_have_text(re.compile(r"Silent 0:4\d"))
    await expect(row).to_contain_text("Last known, since")
    await says(page, f"{voice.agents[0].name} is silent")
    assert await page.evaluate(NOISY) == []


async def test_cards_change_places_when_pointer_and_focus_have_left(
    app_server: AppServer, sign_in: SignIn
) -> None:
    person = await app_server.hire("voice", agents=3)
    page = await sign_in(person)
    names = [agent.name for agent in person.agents]
    cards = page.locator("#agents .card h3")
    await expect(cards).to_have_text(names)
    await page.locator("#agents h2").hover()
    live = await app_server.start(person.agents[2])
    await report(app_server, person.agents[2], live, "critical", 5)
    await expect(page.locator("#agents .critical.card h3")).to_have_text(names[2])
    await expect(cards).to_have_text(names)
    await page.locator(f"#agent-{person.agents[1].id} a").first.focus()
    await page.mouse.move(1, 1)
    await report(app_server, person.agents[2], live, "critical", 4)
    await expect(page.locator(f"#agent-{person.agents[2].id} .satisfaction")).to_have_text("4%")
    await expect(cards).to_have_text(names)
    await page.locator(".brand").focus()
    await expect(cards).to_have_text([names[2], names[0], names[1]])
    # Not critical any more, it stays where it is until another half minute is over.
    await report(app_server, person.agents[2], live, "good", 95)
    await expect(page.locator(f"#agent-{person.agents[2].id} .satisfaction")).to_have_text("95%")
    await expect(cards).to_have_text([names[2], names[0], names[1]])
    first = await app_server.start(person.agents[1])
    await report(app_server, person.agents[1], first, "critical", 5)
    await expect(cards).to_have_text([names[1], names[2], names[0]])


@pytest.mark.full
async def test_ten_seconds_of_metrics_announce_substance_alone(
    app_server: AppServer, sign_in: SignIn
) -> None:
    person = await app_server.hire("voice", agents=2)
    one, other = person.agents
    page = await sign_in(person)
    lives = [await app_server.start(agent) for agent in person.agents]
    await expect(page.locator("#agents .card[data-interaction]")).to_have_count(2)
    await page.wait_for_timeout(400)
    await page.evaluate(LISTEN)
    for n in range(20):
        for agent, live in zip(person.agents, lives, strict=True):
            await report(app_server, agent, live, "good" if n % 2 else "neutral", 60 + n)
        await asyncio.sleep(0.5)
    await expect(page.locator(f"#agent-{other.id} .satisfaction")).to_have_text("79%")
    assert await page.evaluate(SAID) == []
    assert await page.evaluate(NOISY) == []
    await report(app_server, one, lives[0], "critical", 10)
    expected = [f"{one.name} became critical"]
    await says(page, *expected)
    await report(app_server, one, lives[0], "critical", 11)
    await expect(page.locator(f"#agent-{one.id} .satisfaction")).to_have_text("11%")
    async with app_server.api(other) as api:
        await api.post(f"/interactions/{lives[1]}/end", json={"status": "completed"})
    expected.append(f"{other.name}: interaction ended")
    await says(page, *expected)
    await app_server.start(other)
    expected.append(f"{other.name}: interaction began")
    await says(page, *expected)


@pytest.mark.full
async def test_shapes_tell_states_apart_without_colours(app_server: AppServer, sign_in: SignIn) -> None:
    person = await app_server.hire("voice", agents=3)
    page = await sign_in(person)
    for agent, sentiment in zip(person.agents, ("critical", "neutral", "good"), strict=True):
        await report(app_server, agent, await app_server.start(agent), sentiment, 50)
    await expect(page.locator("#agents .sentiment")).to_have_count(3)
    await page.emulate_media(forced_colors="active")
    shapes = await page.evaluate(
        """() => [...document.querySelectorAll("#agents .sentiment")].map((one) => {
          const shape = getComputedStyle(one, "::before");
          return [shape.backgroundColor === getComputedStyle(document.body).color, shape.clipPath, shape.borderRadius];
        })"""
    )
    assert all(seen for seen, _, _ in shapes)
    assert len({(clip, radius) for _, clip, radius in shapes}) == 3
