"""What kernel/live does for speed, beside the plain way: waiting, frames, pings, streams, and calls before the router."""

import asyncio
import datetime as dt
import gc
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial as bound

from sse_starlette import EventSourceResponse as Original
from sse_starlette import ServerSentEvent
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.app import CALLS, create_app
from server.kernel import http
from server.kernel.live import Shortcuts, regions, scheduler, stream
from server.kernel.live.sse import EventSourceResponse
from server.settings import Settings
from tests.bench.by_turns import alternate, alternate_async, gained
from tests.bench.table import Row

_READERS = 20  # of one audience
_CALL = "/api/v1/interactions/00000000-0000-4000-8000-000000000001/end"


async def measure(short: bool) -> list[Row]:
    """In this process, without clients."""
    return [
        await _waiting(short=short),
        _frames(short=short),
        _pings(short=short),
        await _messages(short=short),
        await _open_streams(short=short),
        await _open_calls(short=short),
        await _streams_before_the_router(short=short),
        await _calls_before_the_router(short=short),
    ]


async def _waiting(*, short: bool) -> Row:
    loop = asyncio.get_running_loop()
    waiters: list[asyncio.Future[None]] = []
    event = asyncio.Event()

    async def wait() -> None:
        loop.call_soon(lambda: scheduler._wake(waiters[0]))
        await scheduler._wait(waiters, 100)

    async def wait_plainly() -> None:
        event.clear()
        loop.call_soon(event.set)
        with suppress(TimeoutError):
            async with asyncio.timeout(100):
                await event.wait()

    what = "a scheduler's wait, beside Event and timeout"
    return await alternate_async(what, wait, wait_plainly, short=short)


def _frames(*, short: bool) -> Row:
    html = "<li>10:20:30 UTC <span>Nothing said yet · all quiet</span></li>\n" * 30

    def encoded_once() -> list[bytes]:
        frame = regions.frame("agents", html)
        return [frame for _ in range(_READERS)]

    def encoded_for_each() -> list[bytes]:
        lines = html.replace("\n", "\ndata: ")
        text = f'data: <hx-partial hx-target="#agents" hx-swap="outerMorph">{lines}</hx-partial>\n'
        return [text.encode() for _ in range(_READERS)]

    what = f"a frame encoded once for {_READERS} readers, beside for each"
    return alternate(what, encoded_once, encoded_for_each, short=short)


def _pings(*, short: bool) -> Row:
    def plain() -> bytes:
        now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
        return ServerSentEvent(event="ping", data=now, sep="\n").encode()

    assert len(stream._Ping().encode()) == len(plain())
    what = "a ping written at once, beside ServerSentEvent's"
    return alternate(what, lambda: stream._Ping().encode(), plain, short=short, same=False)


class Reader:
    """The other end of one stream: counts what is sent to it, and stays."""

    def __init__(self) -> None:
        self.messages = 0

    async def receive(self) -> Message:
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    async def send(self, message: Message) -> None:
        self.messages += message.get("body", b"").startswith(b"data:")  # not the start, no ping


def _ping() -> ServerSentEvent:
    return ServerSentEvent(event="ping", sep="\n")


def _response(kind: type[Original], content: AsyncIterator[bytes]) -> Original:
    return kind(content, ping=10, ping_message_factory=_ping, sep="\n", send_timeout=30)


def request_for(path: str = "/stream", method: str = "GET") -> Scope:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "root_path": "",
        "query_string": b"",
        "scheme": "http",
        "headers": [(b"host", b"127.0.0.1:8000")],
    }


async def _messages(*, short: bool) -> Row:
    """CPU of a thousand messages of one stream, ours and sse-starlette's."""

    async def content() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b"data: one\n\n"

    async def send_all(kind: type[Original]) -> None:
        reader = Reader()
        await _response(kind, content())(request_for(), reader.receive, reader.send)
        assert reader.messages == 1000

    what = "1,000 messages of a stream, beside sse-starlette's response"
    return await alternate_async(
        what, lambda: send_all(EventSourceResponse), lambda: send_all(Original), short=short
    )


async def _open_streams(*, short: bool) -> Row:
    """Bytes of a stream that is open and waits, ours and sse-starlette's."""

    async def content() -> AsyncIterator[bytes]:
        yield b"data: first\n\n"
        await asyncio.get_running_loop().create_future()

    def opened(kind: type[Original]) -> Callable[[], Awaitable[None]]:
        def app() -> Awaitable[None]:
            reader = Reader()
            return _response(kind, content())(request_for(), reader.receive, reader.send)

        return app

    what = "memory of an open stream, beside sse-starlette's response"
    return await _memory(what, opened(EventSourceResponse), opened(Original), 20 if short else 500)


async def _memory(
    what: str, ours: Callable[[], Awaitable[None]], plain: Callable[[], Awaitable[None]], count: int
) -> Row:
    """Bytes of Python's memory that each of so many pending calls takes."""

    async def run(call: Callable[[], Awaitable[None]]) -> None:
        await call()

    async def traced() -> int:
        for _ in range(20):  # what has begun goes as far as it can, and what was cancelled is gone
            await asyncio.sleep(0)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    async def each(call: Callable[[], Awaitable[None]]) -> float:
        before = await traced()
        tasks = [asyncio.create_task(run(call)) for _ in range(count)]
        after = await traced()
        assert not any(task.done() for task in tasks), what
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return (after - before) / count

    tracemalloc.start()
    try:
        for call in (ours, plain):  # what is made once
            await each(call)
        return gained(what, [await each(ours)], [await each(plain)], "bytes")
    finally:
        tracemalloc.stop()


class _Pending(Response):
    """An answer that never comes to its end."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.get_running_loop().create_future()


class _Awaiting:
    """Middleware as it is written mostly, with a frame of its own for as long as the call takes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


def _chain(middleware: Sequence[Middleware], app: ASGIApp, *, awaits: bool) -> ASGIApp:
    for one in reversed(middleware):
        app = one.cls(app, *one.args, **one.kwargs)
        if awaits:
            app = _Awaiting(app)
    return app


async def _open_calls(*, short: bool) -> Row:
    """Bytes of a call that is pending behind the application's middleware, with and without frames of theirs."""
    middleware = create_app(Settings())[0].user_middleware
    ours, plain = (_chain(middleware, _Pending(), awaits=awaits) for awaits in (False, True))

    def called(app: ASGIApp) -> Callable[[], Awaitable[None]]:
        reader = Reader()
        return lambda: app(request_for("/"), reader.receive, reader.send)

    what = f"memory of a call behind {len(middleware)} middlewares that hand its awaitable on, beside awaiting it"
    return await _memory(what, called(ours), called(plain), 100 if short else 2000)


class _Streaming(Shortcuts):
    """The product's own, but that everybody has a stream, which never ends."""

    async def _answer(self, request: Request) -> Response:
        return _Pending()


async def _streams_before_the_router(*, short: bool) -> Row:
    """Bytes of an open stream, answered before the router and by a route of it."""

    async def endpoint(request: Request) -> Response:
        return _Pending()

    routes = [Route("/stream", endpoint), *create_app(Settings())[0].routes]
    ours = Starlette(routes=routes, middleware=[Middleware(_Streaming, calls=[], pages=[])])
    plain = Starlette(routes=routes)

    def called(app: ASGIApp) -> Callable[[], Awaitable[None]]:
        reader = Reader()
        return lambda: app(request_for(), reader.receive, reader.send)

    what = "memory of a stream before the router, beside a route"
    return await _memory(what, called(ours), called(plain), 100 if short else 2000)


async def _calls_before_the_router(*, short: bool) -> Row:
    """CPU of an agent's call, answered before the router and by it, but for what the call itself does."""

    class Nothing:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            """Answers nobody."""

    calls = {
        route.name: Route(route.path, Nothing(), methods=list(route.methods or ()), name=route.name)
        for route in http.routes(CALLS)
    }
    routes: list[BaseRoute] = [
        calls.get(getattr(route, "name", ""), route) for route in create_app(Settings())[0].routes
    ]
    before = Middleware(Shortcuts, calls=list(calls.values()), pages=[])
    ours, plain = Starlette(routes=routes, middleware=[before]), Starlette(routes=routes)
    reader = Reader()

    async def called(app: ASGIApp) -> None:
        await app(request_for(_CALL, "POST"), reader.receive, reader.send)

    what = "an agent's call before the router, beside in it"
    return await alternate_async(what, bound(called, ours), bound(called, plain), short=short)
