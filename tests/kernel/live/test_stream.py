"""Audiences with a real database: slow readers, a failing reader, a failing audience."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from starlette.datastructures import QueryParams

from server.embedded.postgres import SUPERUSER
from server.floor.pages import FLOOR, home_of
from server.floor.wallboard import Filters
from server.interactions.pages import audience
from server.kernel.auth import Viewer
from server.kernel.db import connections as db
from server.kernel.live import Audience, Hub, Streams
from server.kernel.live.subscriber import Subscriber
from tests.app_server import AppServer, Person
from tests.conftest import until

SIGNED_IN = """
insert into private.web_sessions (id, token_hash, user_id, access_token, refresh_token, expires_at)
select u.id, sha256(u.id::text::bytea), u.id, '', '', now() + interval '1 hour' from users u on conflict do nothing
"""


def viewer_of(person: Person, role: Any = "supervisor") -> Viewer:
    """With the session that `streaming` makes for everybody."""
    expires = datetime.now(UTC) + timedelta(hours=1)
    return Viewer(person.id, person.email, role, person.name, person.username, "voice", person.id, expires)


def audiences_of(viewer: Viewer, **filters: str) -> list[Audience]:
    """Those of the first page, without the alerts, which stand beside every page."""
    return [one for one in home_of(viewer, Filters.of(QueryParams(filters))) if one.page.name != "alerts"]


@asynccontextmanager
async def streaming(app_server: AppServer, per_account: int = 1000) -> AsyncIterator[Streams]:
    """Streams as in the application, but in this process, where a test can see the internals."""
    async with app_server.database(SUPERUSER) as owner:
        await owner.execute(SIGNED_IN)
    async with db.connect(app_server.database_url("floorwalker_web")) as database:
        hub = Hub(app_server.database_url("floorwalker_web"))
        streams = Streams(database, hub, per_account)
        tasks = [
            asyncio.create_task(hub.listen()),
            asyncio.create_task(streams.run()),
            asyncio.create_task(streams.check_sessions()),
        ]
        try:
            await until(lambda: hub.state.connected)
            yield streams
            assert not any(task.done() for task in tasks), "the task that reads for everybody has died"
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


def join(streams: Streams, viewer: Viewer, **filters: str) -> Subscriber:
    """A reader that has read nothing yet."""
    subscriber = Subscriber(viewer)
    streams.enter(audiences_of(viewer, **filters), subscriber)
    return subscriber


def waiting(subscriber: Subscriber) -> str:
    return b"".join(subscriber.frames.values()).decode()


def shows(subscriber: Subscriber, text: str) -> bool:
    return text in waiting(subscriber)


async def measure(app_server: AppServer, person: Person, interaction: str, score: int) -> None:
    async with app_server.database() as owner:
        await owner.execute(
            "insert into realtime_metrics (interaction_id, satisfaction_score, feed_text) values ($1, $2, $3)",
            UUID(interaction),
            score,
            f"line {score} " + "x" * 400,
        )


async def test_a_slow_reader_gets_only_the_newest_and_nothing_piles_up(
    app_server: AppServer, voice: Person
) -> None:
    live = await app_server.start(voice.agents[0])
    async with streaming(app_server) as streams:
        slow = join(streams, viewer_of(voice))
        await until(partial(shows, slow, 'hx-target="#agents"'))  # without what is measured below
        sizes = []
        for score in range(12):
            await measure(app_server, voice, live, score)
            await until(partial(shows, slow, f"line {score} "))
            sizes.append(len(waiting(slow)))
        assert "line 0 " not in waiting(slow)
        part = f"agents agent-{voice.agents[0].id}"
        assert set(slow.frames) == {"connection", "numbers", "tool-permissions", "agents", part}
        assert (
            max(sizes) < sizes[0] + 5_000
        )  # the card once beside the region, which it may be already, and longer feeds
        message = slow.take().decode()
        assert message.count("<hx-partial") == 5
        assert message.index('hx-target="#agents"') < message.index(
            f'hx-target="#agent-{voice.agents[0].id}"'
        )
        assert "line 11 " in message
        assert not slow.frames


async def test_everybody_in_an_audience_gets_the_very_same_bytes(
    app_server: AppServer, voice: Person
) -> None:
    live = await app_server.start(voice.agents[0])
    async with streaming(app_server) as streams:
        readers = [join(streams, viewer_of(voice)) for _ in range(3)]
        await measure(app_server, voice, live, 77)
        await until(lambda: all("line 77 " in waiting(reader) for reader in readers))
        first = readers[0].frames
        assert {"agents", "numbers", "tool-permissions"} <= set(
            first
        )  # and the card, if it changed after that
        for reader in readers[1:]:
            assert set(reader.frames) == set(first)
            assert all(reader.frames[name] is first[name] for name in first if name != "connection")
        late, later = [join(streams, viewer_of(voice)) for _ in range(2)]
        assert "line 77 " in late.frames["agents"].decode()
        assert late.frames["agents"] is later.frames["agents"]


async def test_many_urgent_reads_make_nothing_else_wait_longer(app_server: AppServer, voice: Person) -> None:
    """A burst of requests once delayed metrics by as many throttles as there were reads."""
    async with streaming(app_server) as streams:
        join(streams, viewer_of(voice))
        [watched] = streams.watched.values()
        reads = 0
        for _ in range(30):
            before = watched.urgent.open_at
            streams.hub.topics.notify(f"tool_permissions:{voice.id}")
            await until(lambda before=before: watched.urgent.open_at != before)  # type: ignore[misc]
            reads += 1
            assert watched.calm.open_at <= time.monotonic() + FLOOR.every
        assert reads == 30


async def test_the_last_who_leaves_takes_the_audience_along(app_server: AppServer, voice: Person) -> None:
    async with streaming(app_server) as streams:
        one, two = join(streams, viewer_of(voice)), join(streams, viewer_of(voice))
        assert len(streams) == 2
        for reader in (one, two):
            streams.leave(reader)
        assert len(streams) == 0
        assert not streams.watched
        assert not any(lane.due for lane in streams.lanes.values())
        assert not [topic for topic in streams.hub.topics.shared if str(voice.id) in topic]


async def test_an_admin_who_is_out_leaves_no_empty_wallboard_to_the_others(
    app_server: AppServer, voice: Person
) -> None:
    """A reader that does not read stays for a while, and nothing may be read with their rights then."""
    gone, stays = await app_server.hire("admin"), await app_server.hire("admin")
    live = await app_server.start(voice.agents[0])
    await measure(app_server, voice, live, 0)
    async with streaming(app_server) as streams:
        # Of one supervisor: among the sixty worst of a whole test run, which are silent, this one stands only once it is silent too.
        whose = {"supervisor": voice.username}
        first, *_ = [join(streams, viewer_of(gone, "admin"), **whose) for _ in range(9)]
        second = join(streams, viewer_of(stays, "admin"), **whose)
        await until(lambda: "line 0 " in waiting(second))
        async with app_server.database() as owner:
            await owner.execute("update users set deactivated_at = now() where id = $1", gone.id)
        await until(lambda: first.ended)
        second.frames.clear()
        for score in range(1, 4):
            await measure(app_server, voice, live, score)
            await until(partial(shows, second, f"line {score} "))


async def test_what_one_row_breaks_stays_one_supervisors_trouble(
    app_server: AppServer, voice: Person, chat: Person
) -> None:
    """The service key may write rows that no page can show; other pages go on."""
    live, other = await app_server.start(voice.agents[0]), await app_server.start(chat.agents[0])
    async with streaming(app_server) as streams:
        broken, healthy = join(streams, viewer_of(voice)), join(streams, viewer_of(chat))
        await until(lambda: bool(waiting(broken)) and bool(waiting(healthy)))
        async with app_server.database() as owner:
            for poison in ('{"n": ' + "9" * 5000 + "}", '{"n": ' + "[" * 3000 + "]" * 3000 + "}"):
                await owner.execute(
                    "insert into tool_permissions (interaction_id, tool_name, arguments) values ($1, 'poison', $2::text::json)",
                    UUID(live),
                    poison,
                )
        await until(lambda: "poison" in waiting(broken))
        await measure(app_server, chat, other, 5)
        await until(lambda: "line 5 " in waiting(healthy))
        admin = viewer_of(await app_server.hire("admin"), "admin")
        for page in (home_of(admin, Filters(supervisor=voice.username)), [audience(admin, UUID(live))]):
            assert "poison" in (await streams.read(page, admin))["tool-permissions"]


async def test_a_page_that_cannot_be_rendered_does_not_stop_the_others(
    app_server: AppServer, voice: Person, chat: Person
) -> None:
    def fails(_shown: Any, _partials: Any) -> dict[str, str]:
        raise ValueError("this page has a fault")

    other = await app_server.start(chat.agents[0])
    async with streaming(app_server) as streams:
        viewer = viewer_of(voice)
        [theirs] = audiences_of(viewer)
        broken = Subscriber(viewer)
        streams.enter([replace(theirs, page=replace(FLOOR, render=fails))], broken)
        healthy = join(streams, viewer_of(chat))
        await measure(app_server, chat, other, 6)
        await until(lambda: "line 6 " in waiting(healthy))
        assert ('data-state="stale"' in waiting(broken), 'data-state="live"' in waiting(healthy)) == (
            True,
            True,
        )


async def test_who_comes_while_the_last_one_is_leaving_misses_nothing(
    app_server: AppServer, voice: Person
) -> None:
    live = await app_server.start(voice.agents[0])
    async with streaming(app_server) as streams:
        leaving = join(streams, viewer_of(voice))
        await until(lambda: bool(waiting(leaving)))
        leaving.end()  # and its reader takes what was sent only slowly
        await measure(app_server, voice, live, 9)
        [watched] = streams.watched.values()
        await until(lambda: watched.must_reread)
        assert not shows(leaving, "line 9 ")
        coming = join(streams, viewer_of(voice))
        await until(lambda: shows(coming, "line 9 "))


async def test_after_a_gap_nothing_that_was_known_is_trusted(
    app_server: AppServer, voice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database that answers afterwards may be another one: a replica that took over, or a restored one."""
    live = await app_server.start(voice.agents[0])
    async with streaming(app_server) as streams:
        asked: list[Any] = []
        call = db.KeptConnection.call

        async def listening(line: db.KeptConnection, question: str, questions: Any) -> list[db.Record]:
            asked.append(questions[0]["arguments"]["known"])
            return await call(line, question, questions)

        monkeypatch.setattr(db.KeptConnection, "call", listening)
        reader = join(streams, viewer_of(voice))
        await until(lambda: bool(asked))
        assert asked[0] == {}
        for score in range(10, 30):  # until nothing is in doubt any more
            await measure(app_server, voice, live, score)
            await until(partial(shows, reader, f"line {score} "))
            if asked[-1]:
                break
        assert asked[-1].keys() == {str(voice.agents[0].id), "asked"}
        streams.hub.topics.notify_missed()
        times = len(asked)
        await until(lambda: len(asked) > times)
        assert asked[-1] == {}


async def test_an_audience_with_broken_arguments_stops_no_other(
    app_server: AppServer, voice: Person, chat: Person
) -> None:
    other = await app_server.start(chat.agents[0])
    async with streaming(app_server) as streams:
        viewer = viewer_of(voice)
        [theirs] = audiences_of(viewer)
        broken = replace(theirs, arguments=json.dumps({"supervisor_id": "none"}))
        streams.enter([broken], Subscriber(viewer))
        healthy = join(streams, viewer_of(chat))
        await measure(app_server, chat, other, 7)
        await until(lambda: "line 7 " in waiting(healthy))


async def test_an_expired_viewer_or_a_closed_house_ends_the_stream(
    app_server: AppServer, voice: Person
) -> None:
    async with streaming(app_server) as streams:
        reader = join(streams, viewer_of(voice))
        streams.close()
        assert reader.ended
        assert join(streams, viewer_of(voice)).ended


@pytest.mark.parametrize(
    "text", ["a\nb", "a\r\nb", "a\rb", "a\u2028b", "\n\ndata: forged\n\n", "\x00", "event: close"]
)
async def test_no_text_ends_its_message_early(app_server: AppServer, voice: Person, text: str) -> None:
    live = await app_server.start(voice.agents[0])
    async with streaming(app_server) as streams:
        reader = join(streams, viewer_of(voice))
        async with app_server.database() as owner:
            await owner.execute(
                "insert into realtime_metrics (interaction_id, feed_text) values ($1, $2)",
                UUID(live),
                f"{text} end of it".replace("\x00", ""),
            )
        await until(lambda: "end of it" in waiting(reader))
        message = reader.take().decode()
        assert message.endswith("\n\n")
        assert all(line.startswith("data: ") for line in message.removesuffix("\n\n").split("\n"))
        assert "\r" not in message


async def test_of_one_account_the_oldest_stream_stops_when_there_are_too_many(
    app_server: AppServer, voice: Person, chat: Person
) -> None:
    async with streaming(app_server, per_account=2) as streams:
        other = join(streams, viewer_of(chat))
        first, second = join(streams, viewer_of(voice)), join(streams, viewer_of(voice))
        assert [one.ended for one in (other, first, second)] == [False, False, False]
        third = join(streams, viewer_of(voice))
        assert [one.ended for one in (other, first, second, third)] == [False, True, False, False]
        words = first.farewell.decode()
        assert "too many live pages" in words
        assert 'data-state="stopped"' in words
        assert words.endswith("\n\nevent: stop\ndata: too many streams\n\n"), "or the page would come back"
        fourth = join(streams, viewer_of(voice))
        assert [one.ended for one in (second, third, fourth)] == [True, False, False]
        streams.leave(third)
        join(streams, viewer_of(voice))
        assert not fourth.ended, "one that has gone makes room"
