"""One timeline of all that happened in an interaction, with lines that keep their identity."""

import re

from tests.app_server import AppServer, Person
from tests.floor.test_views import measure
from tests.interactions.test_views import page, plain, post, said, timeline


async def test_pauses_late_words_and_days_are_in_the_timeline(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0]
    live = await app_server.start(agent)
    async with app_server.browser_of(voice) as browser:
        for paused in ("yes", "no"):
            await browser.post(f"/agents/{agent.id}/pause", data={"paused": paused})
    cut = {"speaker": "agent", "text": "As I s", "interrupted": True}
    await post(app_server, agent, f"/interactions/{live}/turns", cut)
    before = {"speaker": "customer", "text": "Are you there?", "captured_at": "2026-01-31T23:59:58Z"}
    await post(app_server, agent, f"/interactions/{live}/turns", before)
    await post(app_server, agent, f"/interactions/{live}/end", {"status": "completed"})
    await post(app_server, agent, f"/interactions/{live}/turns", {"speaker": "customer", "text": "Bye."})
    html = await page(app_server, voice, live)
    assert timeline(html) == [
        ("customer", "customer Are you there?"),
        ("pause", f"Agent paused by {voice.username}"),
        ("pause", f"Agent resumed by {voice.username}"),
        ("agent", "agent As I s interrupted"),
        ("customer", "customer Bye. arrived after the end"),
    ]
    assert '<time datetime="2026-01-31T23:59:58+00:00" data-kind="date">' in html


async def test_a_line_keeps_its_identity(app_server: AppServer, voice: Person) -> None:
    """So a page keeps the element, and a selection in it."""
    agent = voice.agents[0]
    live = await app_server.start(agent)
    await measure(app_server, agent, live, feed_text="order A-1001")
    await said(app_server, agent, live, "A-1001")

    async def ids() -> dict[str, str]:
        shown = await page(app_server, voice, live)
        return {
            plain(text.partition("</time>")[2]): name
            for name, text in re.findall(r'<li id="(entry-[\w-]+)"[^>]*>(.*?)</li>', shown, re.DOTALL)
        }

    first = await ids()
    assert len(first) == 2
    await measure(app_server, agent, live, feed_text="order B-2002")
    assert (await ids()).items() >= first.items()
