"""One timeline of all that happened in an interaction, with lines that keep their identity."""

import re
from html import unescape

import pytest

from tests.app_server import AppServer, Person
from tests.conftest import until
from tests.floor.test_views import measure
from tests.interactions.test_views import ENTRY, of, page, plain, post, said, timeline


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
        ("customer", "Customer Are you there?"),
        ("pause", f"Agent paused by {voice.username}"),
        ("pause", f"Agent resumed by {voice.username}"),
        ("agent", f"{agent.name} As I s interrupted"),
        ("customer", "Customer Bye. arrived after the end"),
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
            plain(re.sub("<time.*?</time>", "", text)): name
            for name, text in re.findall(r'<li id="(entry-[\w-]+)"[^>]*>(.*?)</li>', shown, re.DOTALL)
        }

    first = await ids()
    assert len(first) == 2
    await measure(app_server, agent, live, feed_text="order B-2002")
    assert (await ids()).items() >= first.items()


async def test_turns_of_one_request_keep_their_order(app_server: AppServer, voice: Person) -> None:
    """Their stamps are of the same moment, and the next number has a digit more."""
    agent = voice.agents[0]
    live = await app_server.start(agent)
    async with app_server.database() as owner:
        sequence = await owner.fetchval("select pg_get_serial_sequence('interaction_turns', 'id')")
        last = await owner.fetchval("select coalesce(max(id), 0) from interaction_turns")
        await owner.execute("select setval($1, $2)", sequence, 10 ** len(str(last)) * 10 - 4)
    texts = [f"word {n}" for n in range(8)]
    await said(app_server, agent, live, *texts)
    lines = timeline(await page(app_server, voice, live))
    assert [" ".join(words.split()[-2:]) for _, words in lines] == texts


async def test_a_very_long_timeline_shows_the_last_300(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0]
    live = await app_server.start(agent)
    for start in range(0, 420, 70):
        await said(app_server, agent, live, *(f"line {n}" for n in range(start, start + 70)))
    await app_server.ask(agent, live, arguments={})
    html = await page(app_server, voice, live)
    entries = timeline(html)
    assert len(entries) == 300
    assert entries[0][1].endswith("line 121")
    assert entries[-2][1].endswith("line 419")
    assert entries[-1][0] == "request"
    async with app_server.browser_of(voice) as browser:
        cursor = re.search(r'data-earlier="([^"]+)"', html)
        assert cursor
        before = await browser.get(f"/interactions/{live}/lines", params={"before": unescape(cursor[1])})
    texts = [plain(re.sub("<time.*?</time>", "", text)) for _, text in ENTRY.findall(before.text)]
    assert [text.split()[-1] for text in texts] == [str(n) for n in range(121)]
    assert 'data-earlier=""' in before.text


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "[]", "{}", "1", "null", "[1,2,3,4]", '["2026-01-01T00:00:00Z",0,0]', '["no day",0,1,"t1"]',
     '["2026-01-01T00:00:00Z",0,99999999999999999999,"t1"]', "[" * 300],
)  # fmt: skip
async def test_a_cursor_that_is_none_is_refused_in_words(
    app_server: AppServer, voice: Person, cursor: str
) -> None:
    live = await app_server.start(voice.agents[0])
    async with app_server.browser_of(voice) as browser:
        answer = await browser.get(f"/interactions/{live}/lines", params={"before": cursor})
    assert (answer.status_code, "There are no such lines." in answer.text) == (422, True)


async def test_earlier_lines_are_for_those_who_see_the_interaction(
    app_server: AppServer, voice: Person, chat: Person
) -> None:
    live = await app_server.start(voice.agents[0])
    await said(app_server, voice.agents[0], live, "Private.")
    before = {"before": '["2100-01-01T00:00:00+00:00",0,1,"t1"]'}
    async with app_server.browser_of(chat) as browser:
        answer = await browser.get(f"/interactions/{live}/lines", params=before)
        assert (answer.status_code, "Private." in answer.text) == (404, False)
    async with app_server.browser_of(voice) as browser:
        assert "Private." in (await browser.get(f"/interactions/{live}/lines", params=before)).text


async def test_a_new_line_of_a_long_transcript_is_sent_with_a_few_others(
    app_server: AppServer, voice: Person
) -> None:
    agent = voice.agents[0]
    live = await app_server.start(agent)
    for start in range(0, 400, 100):
        await said(app_server, agent, live, *(f"Line {number}." for number in range(start, start + 100)))
    shown = timeline(await page(app_server, voice, live))
    assert len(shown) == 300
    assert shown[0][1].endswith("Line 100.")
    assert shown[-1][1].endswith("Line 399.")
    async with of(app_server, voice, live) as stream:
        await until(lambda: "Line 399." in stream.text)

        async def sent(words: str) -> int:
            """How many lines come with this one."""
            stream.forget()
            await said(app_server, agent, live, words)
            await until(lambda: words in stream.text)
            return stream.text.count("<li ")

        counts = [await sent(f"New {number}.") for number in range(20)]
        # A line begins a new part now and then, and one that leaves may end the first; then all are sent.
        assert sorted(counts)[len(counts) // 2] < 120, counts
