"""Server-sent events as sse-starlette sends them, with two tasks per stream instead of five and one clock for all streams.

1,000 messages of a stream take 11 times less CPU than with sse-starlette's own response, and an open stream 7 times less
memory: 3.5 of 25.6 kB (bench optimisations). A test compares the bytes of both over sockets.
"""

import asyncio
import datetime as dt
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from math import inf
from typing import Any, ClassVar

import structlog
from sse_starlette import EventSourceResponse as Original
from sse_starlette import ServerSentEvent
from sse_starlette.event import ensure_bytes
from sse_starlette.sse import SendTimeoutError
from starlette.types import Message, Receive, Scope, Send

_GRAIN = 0.5  # seconds at most between two checks of all streams, and so the accuracy of pings and time-outs
_FINER = 4  # checks at least within the shortest ping or time-out
CLEANUP_SECONDS = 30.0  # seconds that an iterator has to close when its output could not be sent

log = structlog.get_logger(__name__)


class EventSourceResponse(Original):
    """sse-starlette's response for messages that are bytes already, with the arguments that the product uses.

    The first ping is sent `ping_early` seconds before its time, so that streams that opened together do not ping together.

    The task of the request streams, and one clock per event loop replaces timers; HEAD is left to the original. It differs in
    three more ways: a ping that falls due while data waits for a slow reader is sent after the data; a generator that is
    being cancelled may await for a moment before it is cancelled again; and chunks are not written to the debug log.
    """

    body_iterator: AsyncIterator[bytes]

    def __init__(
        self,
        content: AsyncIterator[bytes],
        *,
        ping: float | None = None,
        ping_early: float = 0.0,
        ping_message_factory: Callable[[], ServerSentEvent] | None = None,
        sep: str | None = None,
        send_timeout: float | None = None,
    ) -> None:
        super().__init__(
            content, ping=ping, ping_message_factory=ping_message_factory, sep=sep, send_timeout=send_timeout
        )
        self.ping_early = ping_early

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        if scope["method"] == "HEAD":
            return super().__call__(scope, receive, send)
        self.__dict__.pop("_send_lock", None)  # only one task writes
        return _Stream(self, send).run(receive, self._listen_for_exit_signal)


class _Stream:
    """A response while it is sent."""

    __slots__ = (
        "_cancels",
        "_failure",
        "_open",
        "_ping",
        "_ping_at",
        "_ping_since",
        "_response",
        "_send",
        "_since",
        "_stopped",
        "_task",
    )

    def __init__(self, response: EventSourceResponse, send: Send) -> None:
        self._response, self._send = response, send
        self._task: asyncio.Task[Any] | None = None
        self._open = False  # while it may be cancelled from outside
        self._stopped = False
        self._failure: Exception | None = None  # the error that stopped it, if it was one
        self._cancels = 0
        self._since = self._ping_since = 0.0  # when the unfinished send began
        self._ping: asyncio.Task[None] | None = None
        self._ping_at = self._next_ping() - response.ping_early

    def _next_ping(self) -> float:
        return time.monotonic() + (self._response.ping_interval or inf)

    async def run(self, receive: Receive, exits: Callable[[], Awaitable[None]]) -> None:
        """Send everything until the iterator, the reader, the server or a time-out ends it."""
        self._task = task = asyncio.current_task()
        assert task is not None
        before = task.cancelling()
        clock = Clock.of_this_loop(exits)
        clock.join(self)
        listener = asyncio.create_task(self._listen(receive))
        self._open = True
        try:
            await self._stream()
        except asyncio.CancelledError:
            for _ in range(self._cancels):
                task.uncancel()
            self._cancels = 0
            if task.cancelling() > before:  # another caller cancelled the task too
                raise
        finally:
            self._open = False
            for _ in range(self._cancels):
                task.uncancel()
            clock.leave(self)
            await _end(listener, self._ping)
        if self._failure is not None:
            raise self._failure

    async def _stream(self) -> None:
        response, send = self._response, self._send
        timed = response.send_timeout is not None
        await send(
            {
                "type": "http.response.start",
                "status": response.status_code,
                "headers": response.raw_headers,
            }
        )
        response.raw_headers = []  # released like everything that has been sent, because streams stay open for hours
        async for data in response.body_iterator:
            try:
                if timed:
                    self._since = time.monotonic()
                await send({"type": "http.response.body", "body": data, "more_body": True})
                self._since = 0.0
                del data
            except BaseException:
                # The iterator is suspended at its yield, where a cancellation does not reach it.
                self._open, self._since = False, 0.0
                await self._close_iterator()
                raise
        if self._ping is not None:
            await asyncio.wait([self._ping])
        if self._stopped:
            return
        response.active = False
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _close_iterator(self) -> None:
        aclose = getattr(self._response.body_iterator, "aclose", None)
        if aclose is None:
            return
        limit = asyncio.timeout(CLEANUP_SECONDS)
        try:
            async with limit:
                await aclose()
        except Exception:  # raise what ended the stream, and not what its clean-up met
            if not limit.expired():
                log.exception("stream_cleanup_failed")
        if limit.expired():
            log.warning("stream_cleanup_cut_short", seconds=CLEANUP_SECONDS)

    async def _listen(self, receive: Receive) -> None:
        """Notice that the reader has disconnected."""
        response = self._response
        try:
            while response.active:
                message = await receive()
                if message["type"] == "http.disconnect":
                    response.active = False
                    self.stop()
        except Exception as error:  # noqa: BLE001 - raised again by the task of the request
            self.stop(error)

    def stop(self, failure: Exception | None = None) -> None:
        """End it from outside of its own task."""
        self._stopped = True
        self._failure = self._failure or failure
        if self._open and self._task is not None:
            self._cancels += 1
            self._task.cancel()

    @property
    def shortest(self) -> float:
        """The shortest time in seconds within which it has to be checked."""
        response = self._response
        return min(response.ping_interval or inf, response.send_timeout or inf)

    def look(self, now: float) -> None:
        """Do what is due: send a ping, end a send that takes too long, try again to stop."""
        if now < self._ping_at and not (self._since or self._ping_since or self._stopped):
            return  # nearly always; this runs for every stream
        if self._stopped:
            self.stop()
            return
        limit = self._response.send_timeout
        if limit is not None and (
            (self._since and now - self._since >= limit)
            or (self._ping_since and now - self._ping_since >= limit)
        ):
            self.stop(SendTimeoutError())
        elif now >= self._ping_at and not self._since and self._ping is None:
            self._ping = asyncio.create_task(self._send_ping())

    async def _send_ping(self) -> None:
        response = self._response
        try:
            make = response.ping_message_factory
            event = (
                make()
                if make
                else ServerSentEvent(comment=f"ping - {dt.datetime.now(dt.UTC)}", sep=response.sep)
            )
            message: Message = {
                "type": "http.response.body",
                "body": ensure_bytes(event, response.sep),
                "more_body": True,
            }
            if response.active:
                self._ping_since = time.monotonic()
                await self._send(message)
        except Exception as error:  # noqa: BLE001 - raised again by the task of the request
            self.stop(error)
        finally:
            self._ping, self._ping_since = None, 0.0
            self._ping_at = self._next_ping()


class Clock:
    """Pings, time-outs and the server's exit for all streams of a loop. It runs while there are streams."""

    running: ClassVar[dict[asyncio.AbstractEventLoop, "Clock"]] = {}

    def __init__(self, exits: Callable[[], Awaitable[None]]) -> None:
        self._exits = exits
        self.streams: set[_Stream] = set()
        self._pause = _GRAIN
        self._timer: asyncio.TimerHandle | None = None
        self._exit: asyncio.Task[None] | None = None

    @classmethod
    def of_this_loop(cls, exits: Callable[[], Awaitable[None]]) -> "Clock":
        loop = asyncio.get_running_loop()
        if loop not in cls.running:
            cls.running[loop] = cls(exits)
        return cls.running[loop]

    def join(self, stream: _Stream) -> None:
        self.streams.add(stream)
        pause = min(self._pause, stream.shortest / _FINER)
        if self._timer is None or pause < self._pause:
            self._pause = pause
            self._again()
        if self._exit is None or self._exit.done():
            self._exit = asyncio.create_task(self._wait_for_exit())

    def leave(self, stream: _Stream) -> None:
        self.streams.discard(stream)
        if not self.streams and self._timer is not None and self._exit is not None:
            self._timer.cancel()
            self._exit.cancel()
            del self.running[asyncio.get_running_loop()]

    def _again(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._pause, self._look)

    def _look(self) -> None:
        self._again()
        now = time.monotonic()
        for stream in self.streams:
            stream.look(now)

    async def _wait_for_exit(self) -> None:
        await self._exits()
        for stream in self.streams:
            stream.stop()


async def _end(*tasks: asyncio.Task[None] | None) -> None:
    """Cancel a task beside the stream and wait for its end."""
    running = [task for task in tasks if task is not None and not task.done()]
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(running)
