"""Our event streams and sse-starlette's own over real sockets: the same bytes and the same events."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest
from sse_starlette import EventSourceResponse as Original
from sse_starlette import ServerSentEvent
from sse_starlette.sse import AppStatus

from server.kernel.live import sse
from tests.app_server import DEADLINE
from tests.conftest import until
from tests.kernel.live.compared_streams import (
    LARGE,
    Happened,
    Reader,
    asking,
    compare,
    endless,
    plain,
    serving,
    some,
)

A = b"data: a\n\n"
EVENTS = (b"data: one line\n\n", b"", b"event: named\ndata: of two lines\ndata: and more\n\n")


@pytest.mark.parametrize("sep", [None, "\r\n", "\r", "\n"])
async def test_messages_are_sent_as_they_are(sep: str | None) -> None:
    received, happened = await compare(lambda kind, _: kind(some(*EVENTS), sep=sep))
    assert received.endswith(b"0\r\n\r\n")
    assert b"of two lines" in received
    assert happened == ["returned"]


class Counted:
    """An async iterable that is no generator and cannot be closed."""

    def __init__(self) -> None:
        self.left = 3

    def __aiter__(self) -> "Counted":
        return self

    async def __anext__(self) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise StopAsyncIteration
        return b"data: %d left\n\n" % self.left


@pytest.mark.parametrize("content", [some, Counted], ids=["empty", "object"])
async def test_every_kind_of_iterator_is_read_to_its_end(content: Callable[[], Any]) -> None:
    received, _ = await compare(lambda kind, _: kind(content()))
    assert received.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_status_and_headers_are_the_same_and_head_has_no_body(method: str) -> None:
    received, happened = await compare(lambda kind, _: kind(some(A), send_timeout=1), method=method)
    assert received.startswith(b"HTTP/1.1 200")
    assert (b"data: a" in received) == (method == "GET")
    assert happened == ["returned"]


@pytest.mark.parametrize("good", [0, 2])
async def test_a_generator_that_fails_ends_the_stream(good: int) -> None:
    async def failing(happened: Happened) -> AsyncIterator[bytes]:
        try:
            for number in range(good):
                yield b"data: %d\n\n" % number
            raise ArithmeticError
        finally:
            happened.append("cleaned up")

    received, happened = await compare(lambda kind, h: kind(failing(h)))
    assert not received.endswith(b"0\r\n\r\n")
    assert happened == ["cleaned up", "raised ArithmeticError"]


async def test_what_cannot_be_sent_closes_the_generator() -> None:
    _, happened = await compare(lambda kind, h: kind(endless(h, A, {"nonsense": 1})))
    assert happened == ["closed", "cleaned up", "raised TypeError"]


async def test_a_reader_who_goes_while_nothing_happens_ends_the_stream() -> None:
    async def go(reader: Reader) -> None:
        await reader.until(b"data: a")

    _, happened = await compare(lambda kind, h: kind(endless(h, A)), go)
    assert happened == ["cancelled", "cleaned up", "returned"]


async def test_a_reader_who_goes_while_it_is_being_sent_to_ends_the_stream() -> None:
    async def sending(happened: Happened) -> AsyncIterator[bytes]:
        try:
            while True:
                yield LARGE
                await asyncio.sleep(0)
        finally:
            happened.append("cleaned up")

    async def go(reader: Reader) -> None:
        await reader.until(b"xxx")
        await asyncio.sleep(0.2)
        reader.received = b""

    _, happened = await compare(lambda kind, h: kind(sending(h)), go)
    assert happened == ["cleaned up", "returned"]


@pytest.mark.parametrize(("data", "ping"), [((LARGE, b"next"), 0), ((LARGE,), 0.1)], ids=["data", "ping"])
async def test_a_reader_who_does_not_read_is_dropped(data: tuple[bytes, ...], ping: float) -> None:
    """Whether it is data or a ping that finds the way blocked."""

    async def wait(reader: Reader) -> None:
        reader.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(1.2)

    _, happened = await compare(lambda kind, h: kind(endless(h, *data), ping=ping, send_timeout=0.3), wait)
    assert happened == ["closed" if not ping else "cancelled", "cleaned up", "raised SendTimeoutError"]


async def test_a_slow_reader_gets_everything_and_pings_never_within_it() -> None:
    async def slowly(reader: Reader) -> None:
        await asyncio.sleep(1)  # pings fall due meanwhile
        await reader.rest()
        assert reader.received.count(b"x" * 30_000_000) == 1
        reader.received = re.sub(rb"[0-9a-f]+\r\n: ping - .*\r\n\r\n\r\n", b"", reader.received)

    received, _ = await compare(
        lambda kind, _: kind(some(LARGE, b"data: last\n\n"), ping=0.2, send_timeout=5), slowly
    )
    assert received.endswith(b"data: last\n\n\r\n0\r\n\r\n")


@pytest.mark.parametrize("sep", [None, "\n"])
async def test_pings_come_in_time_and_look_the_same(sep: str | None) -> None:
    async def three(reader: Reader) -> None:
        began = asyncio.get_running_loop().time()
        for _ in range(3):
            reader.received += await asyncio.wait_for(
                reader.reader.readuntil(b"+00:00" + end + end + b"\r\n"), DEADLINE
            )
        assert asyncio.get_running_loop().time() - began >= 0.6

    end = (sep or "\r\n").encode()
    received, _ = await compare(lambda kind, h: kind(endless(h), ping=0.2, sep=sep), three)
    assert received.count(b": ping - now") == 3


async def test_a_ping_may_be_made_by_the_application_and_its_failure_ends_the_stream() -> None:
    def make(kind: type[Original], happened: Happened) -> Original:
        made: Iterator[int] = iter((1, 2))

        def ping() -> ServerSentEvent:
            number = next(made, None)
            if number is None:
                raise ArithmeticError
            return ServerSentEvent(event="ping", data=number)

        return kind(endless(happened), ping=0.1, ping_message_factory=ping)

    received, happened = await compare(make)
    assert received.count(b"event: ping") == 2
    assert happened == ["cancelled", "cleaned up", "raised ArithmeticError"]


async def test_without_pings_there_are_none() -> None:
    async def wait(reader: Reader) -> None:
        await reader.until(b"data: a")
        await asyncio.sleep(0.5)
        with suppress(TimeoutError):
            reader.received += await asyncio.wait_for(reader.reader.read(100), 0.1)

    received, _ = await compare(lambda kind, h: kind(endless(h, A), ping=0), wait)
    assert b"ping" not in received


async def polite(happened: Happened) -> AsyncIterator[bytes]:
    """Sends a farewell when it is cancelled."""
    try:
        yield A
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        happened.append("cancelled")
        yield b"data: farewell\n\n"
        raise
    finally:
        happened.append("cleaned up")


async def obedient(happened: Happened) -> AsyncIterator[bytes]:
    """Treats its cancellation as an ordinary end."""
    try:
        yield A
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        happened.append("cancelled")
    finally:
        happened.append("cleaned up")


@pytest.mark.parametrize(
    "content", [lambda h: endless(h, A), polite, obedient], ids=["abrupt", "polite", "obedient"]
)
@pytest.mark.parametrize("how", ["uvicorn", "AppStatus"])
async def test_a_server_that_stops_ends_its_streams(how: str, content: Callable[[Happened], Any]) -> None:
    seen = {}
    for name in ("original", "ours"):
        async with (
            serving(lambda kind, h: kind(content(h))) as served,
            asking(served.port, name) as reader,
        ):
            await reader.until(b"data: a")
            if how == "uvicorn":
                served.server.should_exit = True
            else:
                AppStatus.should_exit = True
            await reader.rest()
            seen[name] = (plain(reader.received), served.happened[name])
    assert seen["ours"] == seen["original"]
    assert seen["ours"][1] == ["cancelled", "cleaned up", "returned"]


async def test_a_request_that_is_cancelled_raises_the_cancellation() -> None:
    for name in ("original", "ours"):
        async with (
            serving(lambda kind, h: kind(endless(h, A))) as served,
            asking(served.port, name) as reader,
        ):
            await reader.until(b"data: a")
            for task in served.server.server_state.tasks:
                task.cancel()
            await reader.rest()
        assert served.happened[name] == ["cancelled", "cleaned up", "raised CancelledError"]


async def test_a_generator_that_takes_no_notice_is_stopped_all_the_same() -> None:
    async def ignoring(happened: Happened) -> AsyncIterator[bytes]:
        try:
            yield A
            for _ in range(3):
                with suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
            yield b"data: b\n\n"
            happened.append("went on")
        finally:
            happened.append("cleaned up")

    async def go(reader: Reader) -> None:
        await reader.until(b"data: a")

    _, happened = await compare(lambda kind, h: kind(ignoring(h)), go)
    assert happened == ["went on", "cleaned up", "returned"]


async def test_a_clean_up_without_end_is_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow(happened: Happened) -> AsyncIterator[Any]:
        try:
            yield {"nonsense": 1}
        finally:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                happened.append("cut short")
                raise

    monkeypatch.setattr(sse, "CLEANUP_SECONDS", 0.2)
    _, happened = await compare(
        lambda kind, h: kind(slow(h), cleanup_timeout=0.2) if kind is Original else kind(slow(h))
    )
    assert happened == ["cut short", "raised TypeError"]


async def test_a_stream_is_two_tasks_and_no_timer_of_its_own() -> None:
    async with serving(lambda kind, h: kind(endless(h, A), send_timeout=30)) as served:

        async def tasks(name: str, count: int) -> int:
            before = len(asyncio.all_tasks())
            for _ in range(count):
                reader = await streams.enter_async_context(asking(served.port, name))
                await reader.until(b"data: a")
            return len(asyncio.all_tasks()) - before

        async with AsyncExitStack() as streams:
            first = await tasks("ours", 1)
            assert first <= 4, "with what is there for all of them"
            assert await tasks("ours", 20) == 40
            assert await tasks("original", 20) >= 100
            assert len(sse.Clock.running) == 1
            (clock,) = sse.Clock.running.values()
            assert len(clock.streams) == 21
        await until(lambda: not sse.Clock.running)
