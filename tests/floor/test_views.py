"""The live pages over real HTTP: the messages of a stream, who gets them, and when it ends."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.app_server import DEADLINE, Agent, AppServer, Person, decision
from tests.conftest import until

TARGET = re.compile(r'<hx-partial hx-target="#([\w-]+)"')


class Stream:
    """An open stream: its messages as they came, and whether it ended."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.ended = False

    @property
    def regions(self) -> list[str]:
        return [name for message in self.messages for name in TARGET.findall(message)]

    @property
    def text(self) -> str:
        return "\n".join(self.messages)

    def last(self, region: str) -> str:
        found = [m for m in self.messages if f'hx-target="#{region}"' in m]
        assert found, f"nothing of {region} yet"
        return found[-1].rpartition(f'hx-target="#{region}"')[2].partition("</hx-partial>")[0]

    def forget(self) -> None:
        self.messages.clear()


@asynccontextmanager
async def watching(
    app_server: AppServer, person: Person, page: str = "floor", browser: Any = None
) -> AsyncIterator[Stream]:
    """The stream of a page, read all the time, after its snapshot."""
    stream = Stream()

    async def read(client: httpx.AsyncClient) -> None:
        async with client.stream("GET", f"/stream?page={page}") as answer:
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/event-stream")
            buffer = ""
            async for part in answer.aiter_text():
                buffer += part
                *whole, buffer = buffer.split("\n\n")
                stream.messages += [m for m in whole if not m.startswith((":", "retry"))]
        stream.ended = True

    async with app_server.browser_of(None if browser else person) as own:
        task = asyncio.create_task(read(browser or own))
        try:
            await until(lambda: task.done() or "tool-permissions" in stream.regions)
            yield stream
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def measure(app_server: AppServer, agent: Agent, interaction: str, **fields: Any) -> None:
    async with app_server.api(agent) as api:
        answer = await api.post(f"/interactions/{interaction}/metrics", json=fields)
    assert answer.status_code == 202


async def test_the_stream_begins_with_the_whole_page(app_server: AppServer, voice: Person) -> None:
    await app_server.start(voice.agents[0], phone_number="+18505550155")
    async with watching(app_server, voice) as stream:
        await until(lambda: {"connection", "numbers", "tool-permissions", "agents"} <= set(stream.regions))
        assert voice.agents[0].name in stream.last("agents")
        assert "0155" in stream.last("agents")
        assert "+18505550155" not in stream.text


async def test_a_metric_changes_the_agents_and_only_what_changed_is_sent(
    app_server: AppServer, voice: Person
) -> None:
    live = await app_server.start(voice.agents[0])
    async with watching(app_server, voice) as stream:
        await measure(
            app_server,
            voice.agents[0],
            live,
            sentiment="good",
            satisfaction_score=81,
            feed_text="A first line",
        )
        await until(lambda: "A first line" in stream.text)
        stream.forget()
        await measure(
            app_server,
            voice.agents[0],
            live,
            sentiment="good",
            satisfaction_score=82,
            feed_text="<i>Second</i> & last",
        )
        await until(lambda: "Second" in stream.text)
        assert set(stream.regions) == {
            f"agent-{voice.agents[0].id}",
            "numbers",
        }  # the average is among the numbers
        assert "&lt;i&gt;Second&lt;/i&gt; &amp; last" in stream.text


async def test_a_request_and_its_decision_come_at_once(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0]
    live = await app_server.start(agent)
    async with watching(app_server, voice) as stream, app_server.browser_of(voice) as browser:
        asked = await app_server.ask(agent, live, arguments={"to": "Ana\r\ndata: <script>x</script>", "n": 1})
        await until(lambda: asked["id"] in stream.last("tool-permissions"))
        assert "<script>" not in stream.text
        form = decision(asked, "denied", reason="not today")
        await browser.post(f"/tool-permissions/{asked['id']}/decision", data=form)
        await until(lambda: "not today" in stream.last("tool-permissions"))
        assert f'action="/tool-permissions/{asked["id"]}/decision"' not in stream.last("tool-permissions")


async def test_another_supervisors_stream_says_nothing_about_it(
    app_server: AppServer, voice: Person, chat: Person
) -> None:
    async with watching(app_server, chat) as outsider, watching(app_server, voice) as stream:
        live = await app_server.start(voice.agents[0])
        await measure(app_server, voice.agents[0], live, sentiment="critical", feed_text="very private")
        await app_server.ask(voice.agents[0], live)
        await until(lambda: "very private" in stream.text and "issue_refund" in stream.text)
        own = await app_server.start(chat.agents[0])
        await measure(app_server, chat.agents[0], own, feed_text="my own line")
        await until(lambda: "my own line" in outsider.text)
        assert "very private" not in outsider.text
        assert "issue_refund" not in outsider.text
        assert voice.agents[0].name not in outsider.text


async def test_the_wallboard_shows_an_admin_everybody(
    app_server: AppServer, voice: Person, chat: Person
) -> None:
    admin = await app_server.hire("admin")
    async with watching(app_server, admin, "wallboard") as stream:
        for person in (voice, chat):
            live = await app_server.start(person.agents[0])
            # The worst come first, sixty at most, so these are the worst.
            await measure(
                app_server,
                person.agents[0],
                live,
                sentiment="critical",
                satisfaction_score=0,
                feed_text=f"of {person.username}",
            )
        await until(lambda: all(f"of {p.username}" in stream.last("interactions") for p in (voice, chat)))
        await app_server.ask(voice.agents[0], (await _active(app_server, voice)))
        await until(lambda: "issue_refund" in stream.last("tool-permissions"))


async def _active(app_server: AppServer, person: Person) -> str:
    async with app_server.database() as owner:
        found = await owner.fetchval(
            "select id from interactions where supervisor_id = $1 and status = 'active'", person.id
        )
    return str(found)


@pytest.mark.parametrize("page", ["wallboard", "", "x", "floor%00"])
async def test_a_page_that_is_not_theirs_is_404(app_server: AppServer, voice: Person, page: str) -> None:
    async with app_server.browser_of(voice) as browser:
        assert (await browser.get(f"/stream?page={page}")).status_code == 404
        assert (await browser.get("/stream")).status_code == 404


async def test_signed_out_there_is_one_close_event_and_no_401(app_server: AppServer) -> None:
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as client:
        answer = await client.get("/stream?page=floor", headers={"Cookie": f"{app_server.cookie}={uuid4()}"})
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, "text/event-stream")
    assert answer.text.strip().startswith("event: close\ndata:")
    assert answer.text.count("event:") == 1


async def test_signing_out_ends_the_stream(app_server: AppServer, voice: Person) -> None:
    async with (
        app_server.browser_of(voice) as browser,
        watching(app_server, voice, browser=browser) as stream,
        watching(app_server, voice) as other,
    ):
        await browser.post("/logout")
        await until(lambda: stream.ended)
        assert not other.ended


@pytest.mark.parametrize("change", ["deactivated_at = now()", "banned_until = now() + interval '1 day'"])
async def test_who_loses_their_rights_loses_the_stream(
    app_server: AppServer, voice: Person, change: str
) -> None:
    async with watching(app_server, voice) as stream:
        async with app_server.database() as owner:
            await owner.execute(f"update users set {change} where id = $1", voice.id)
        await until(lambda: stream.ended)


async def test_two_tabs_of_one_floor_get_the_same_bytes(app_server: AppServer, voice: Person) -> None:
    live = await app_server.start(voice.agents[0])
    async with watching(app_server, voice) as one, watching(app_server, voice) as two:
        await until(lambda: "agents" in one.regions and "agents" in two.regions)
        await measure(app_server, voice.agents[0], live, sentiment="neutral", feed_text="for both")
        await until(lambda: "for both" in one.text and "for both" in two.text)
        assert one.last("agents") == two.last("agents")


async def test_the_first_page_is_what_the_stream_says(app_server: AppServer, voice: Person) -> None:
    live = await app_server.start(voice.agents[0])
    await app_server.ask(voice.agents[0], live)
    async with watching(app_server, voice) as stream, app_server.browser_of(voice) as browser:
        page = (await browser.get("/")).text
        for region in ("numbers", "tool-permissions"):
            sent = "".join(
                line.removeprefix("data: ") for line in stream.last(region).partition(">")[2].split("\n")
            )
            assert re.sub(r"\s+", "", sent) in re.sub(r"\s+", "", page), region


async def test_a_retired_agent_leaves_the_floor_and_a_paused_one_says_so(app_server: AppServer) -> None:
    person = await app_server.hire("voice", agents=2)
    first, second = person.agents
    async with watching(app_server, person) as stream, app_server.browser_of(person) as browser:
        await browser.post(f"/agents/{first.id}/pause", data={"paused": "yes"})
        await until(lambda: 'value="no"' in stream.text)
        async with app_server.database() as owner:
            await owner.execute("update agents set retired_at = now() where id = $1", second.id)
        await until(lambda: second.name not in stream.last("agents"))


async def test_a_name_in_the_strip_chooses_nobody_whose_name_contains_it(app_server: AppServer) -> None:
    admin = await app_server.hire("admin")
    one, other = await app_server.hire("voice"), await app_server.hire("voice")
    async with app_server.database() as owner:
        await owner.execute("update users set username = $2 where id = $1", other.id, f"{one.username}0")
    live = [await app_server.start(person.agents[0]) for person in (one, other)]
    async with app_server.browser_of(admin) as browser:
        for name, found in (
            (one.username, live[:1]),
            (f"{one.username}0", live[1:]),
            (one.username[:-1], live),
        ):
            page = (await browser.get("/", params={"supervisor": name})).text
            assert [each for each in live if f'/interactions/{each}"' in page] == found
