"""First pages that share a read: those who wait for another's read do not depend on its fate."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from server.floor.pages import WALLBOARD
from server.kernel.live import Audience
from tests.app_server import AppServer, Person
from tests.conftest import until
from tests.kernel.live.test_stream import join, measure, streaming, viewer_of


def of(arguments: str = "{}") -> list[Audience]:
    return [Audience(WALLBOARD, "*", arguments)]


async def test_who_leaves_takes_the_read_from_nobody(app_server: AppServer) -> None:
    viewer = viewer_of(await app_server.hire("admin"), "admin")
    async with streaming(app_server) as streams:
        first, *others = (asyncio.create_task(streams.read(of(), viewer)) for _ in range(4))
        await asyncio.sleep(0)  # the first one reads, the others wait for it
        others[0].cancel()
        first.cancel()
        with suppress(asyncio.CancelledError):
            await first
        for other in others[1:]:
            assert "worst first" in (await other)["interactions"]


async def test_a_read_that_fails_fails_for_each_who_waited_and_is_not_kept(app_server: AppServer) -> None:
    viewer = viewer_of(await app_server.hire("admin"), "admin")
    async with streaming(app_server) as streams:
        wrong = of('{"sentiment": "angry"}')
        found = await asyncio.gather(*(streams.read(wrong, viewer) for _ in range(3)), return_exceptions=True)
        assert [type(one) for one in found] == [RuntimeError] * 3
        with pytest.raises(RuntimeError):
            await streams.read(wrong, viewer)


async def test_a_first_page_shows_what_the_stream_shows_and_is_as_old(
    app_server: AppServer, voice: Person
) -> None:
    admin = viewer_of(await app_server.hire("admin"), "admin")
    live = await app_server.start(voice.agents[0])
    arguments = f'{{"supervisor": "{voice.username}"}}'
    async with streaming(app_server) as streams:
        subscriber = join(streams, admin)
        streams.leave(subscriber)
        streams.enter(of(arguments), subscriber)
        await until(lambda: live in subscriber.frames.get("interactions", b"").decode())
        await measure(app_server, voice, live, 7)
        await until(lambda: "line 7 " in subscriber.frames["interactions"].decode())
        page = await streams.read(of(arguments), admin)
        assert "line 7 " in page["interactions"]
        # A stream that begins again at once has the last read, before the next one is due.
        streams.leave(subscriber)
        again = join(streams, admin)
        streams.leave(again)
        streams.enter(of(arguments), again)
        assert "line 7 " in again.frames["interactions"].decode()
        # A page that is not shared is read for each.
        apart = [replace(one, page=replace(WALLBOARD, shared=False)) for one in of(arguments)]
        assert "line 7 " in (await streams.read(apart, admin))["interactions"]
