"""A card does not mislead, whatever text an agent sends."""

from typing import Any

import pytest
from playwright.async_api import expect

from tests.app_server import AppServer, Person
from tests.browser.conftest import SignIn
from tests.browser.test_floor import ALLOW
from tests.browser.test_queue import card_of, opened

pytestmark = pytest.mark.browser
OVERRIDE = "\N{RIGHT-TO-LEFT OVERRIDE}"


async def test_what_turns_text_round_is_shown_as_what_it_is(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    page = await sign_in(voice)
    agent = voice.agents[0]
    arguments = {"account": f"{OVERRIDE}4321", "amount": 5, "\N{CYRILLIC SMALL LETTER A}mount": 9000}
    asked = await app_server.ask(
        agent,
        await app_server.start(agent),
        tool_name=f"issue_refund{OVERRIDE}",
        arguments=arguments,
        tool_description="Only reads the balance.",
    )
    card = card_of(page, asked)
    await expect(card.locator("h3")).to_have_text("issue_refundU+202E")
    await expect(card.locator(".arguments td").first).to_have_text("U+202E4321")
    left, right = [
        await card.locator(".arguments td").first.evaluate(
            """(cell, text) => {
          const walk = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
          while (walk.nextNode()) {
            const at = walk.currentNode.data.indexOf(text);
            if (at < 0) continue;
            const range = document.createRange();
            range.setStart(walk.currentNode, at);
            range.setEnd(walk.currentNode, at + 1);
            return range.getBoundingClientRect().left;
          }
        }""",
            digit,
        )
        for digit in "41"
    ]
    assert left < right, "the digits stand in the order in which they were sent"
    await expect(card.locator(".arguments th", has_text="U+0430")).to_have_count(1)
    await expect(card.locator("blockquote")).to_have_text("The agent says: “Only reads the balance.”")
    await expect(card.get_by_role("button", name=ALLOW)).to_have_attribute(
        "aria-label", f"Allow issue_refund[U+202E] 5, {agent.name}"
    )


async def test_the_owners_description_comes_first(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    page = await sign_in(voice)
    agent = voice.agents[0]
    live = await app_server.start(agent)
    lies = await app_server.ask(
        agent, live, tool_description="Reads the balance, and does nothing else at all."
    )
    honest = await app_server.ask(agent, live)
    await expect(card_of(page, lies).locator("p.purpose").first).to_contain_text("Pays money back")
    await expect(card_of(page, lies).locator("blockquote")).to_contain_text(
        "The agent says: “Reads the balance"
    )
    await expect(card_of(page, honest).locator("blockquote")).to_have_count(0)


async def test_nothing_an_agent_writes_pushes_the_buttons_away(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    page = await sign_in(voice)
    agent = voice.agents[0]
    live = await app_server.start(agent)
    worst: list[dict[str, Any]] = [
        {
            "tool_name": "x" * 255,
            "tool_description": "word " * 700,
            "arguments": {f"name {n}": "y" * 150 for n in range(200)},
        },
        {"arguments": {"note": "\n" * 150}},
        {"arguments": {"deep": {"list": [[[["x"] * 50] * 5]]}}, "tool_description": "\n\n\n" * 900},
        {"arguments": {"n" * 3000: "v"}},
    ]
    for fields in worst:
        asked = await app_server.ask(agent, live, **fields)
        await opened(page, asked)
        box = await card_of(page, asked).bounding_box()
        assert box is not None
        assert box["height"] < 950, f"a card of {box['height']} px"
        button = await card_of(page, asked).get_by_role("button", name=ALLOW).bounding_box()
        assert button is not None
        assert button["y"] - box["y"] < 850
