"""Limits on the size and the time of a request's body."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from math import inf

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.errors import RequestError, Unavailable
from server.kernel.http.middleware import Refuse

BODY_LIMIT, BODY_SECONDS = 256 * 1024, 30.0
# A prompt has 100,000 characters of up to four bytes.
_LONGER_LIMIT, _LONGER = 512 * 1024, "/agents"
_LAST = 0.5  # seconds that a body under way has when the server stops


class TooLarge(RequestError):
    """The body is larger than the limit."""

    status, title = 413, "Too large"


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body is larger than the limit of {limit} bytes")


class TooSlow(RequestError):
    """The body did not arrive in time."""

    status, title = 408, "Too slow"


class Bodies:
    """The bodies that are arriving, so that a server that stops does not wait for them."""

    def __init__(self) -> None:
        self.closing = False
        self._awaited = set[asyncio.Timeout]()

    async def receive(self, receive: Receive, end: float) -> Message:
        """Wait for a part of a body until `end`, a time of the loop. TimeoutError when it has not arrived."""
        async with asyncio.timeout_at(self._last(end)) as limit:
            self._awaited.add(limit)
            try:
                return await receive()
            finally:
                self._awaited.discard(limit)

    def close(self) -> None:
        """End the wait for all of them, after a moment."""
        self.closing = True
        for limit in self._awaited:
            with suppress(RuntimeError):  # its time is just over
                limit.reschedule(self._last(limit.when() or inf))

    def _last(self, end: float) -> float:
        return min(end, asyncio.get_running_loop().time() + _LAST) if self.closing else end


class BodyLimit:
    """Refuses bodies over the limit, announced or not, and bodies that do not arrive in time."""

    def __init__(
        self, app: ASGIApp, *, refuse: Refuse, bodies: Bodies | None = None, seconds: float = BODY_SECONDS
    ) -> None:
        self.app, self.refuse, self.seconds, self.bodies = app, refuse, seconds, bodies or Bodies()

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self.app(scope, receive, send)
        length = chunks = None
        for name, value in scope["headers"]:
            if name == b"content-length":
                length = value
            elif name == b"transfer-encoding":
                chunks = value
        if length is None and chunks is None:
            return self.app(scope, receive, send)  # with neither header, HTTP/1.1 has no body
        limit = _LONGER_LIMIT if scope["path"].startswith(_LONGER) else BODY_LIMIT
        if length is not None and (not length.isdigit() or int(length) > limit):
            return self.refuse(HTTPConnection(scope), _too_large(limit))(scope, receive, send)
        body = _Body(receive, send, self.seconds, self.bodies, limit)
        return self.app(scope, body.receive, body.send)


class _Body:
    """A body that is arriving: at most as large as the limit, and complete in time.

    After a refusal the rest is read and discarded for a while (`protocol`), because closing the connection at once would
    lose the answer.
    """

    __slots__ = (
        "_answered",
        "_arrived",
        "_bodies",
        "_end",
        "_limit",
        "_receive",
        "_seconds",
        "_seen",
        "_send",
    )

    def __init__(self, receive: Receive, send: Send, seconds: float, bodies: Bodies, limit: int) -> None:
        self._receive, self._send, self._bodies, self._limit = receive, send, bodies, limit
        self._seen, self._seconds, self._end = 0, seconds, 0.0
        self._arrived = self._answered = False

    async def receive(self) -> Message:
        if self._arrived:
            return await self._receive()  # after the body only a disconnect can arrive
        now = asyncio.get_running_loop().time()
        self._end = self._end or now + self._seconds
        try:
            message = await self._bodies.receive(self._receive, self._end)
        except TimeoutError:
            if self._bodies.closing:
                return self._refuse(Unavailable("The server is stopping. Please send this again.", 5))
            return self._refuse(TooSlow(f"the request did not arrive within {self._seconds:.0f} seconds"))
        self._seen += len(message.get("body", b""))
        if self._seen > self._limit:
            return self._refuse(_too_large(self._limit))
        self._arrived = not message.get("more_body", False)
        return message

    def _refuse(self, error: RequestError) -> Message:
        if not self._answered:
            raise error
        return {"type": "http.disconnect"}  # the answer has begun: it is a stream, which ends

    def send(self, message: Message) -> Awaitable[None]:
        self._answered = True
        return self._send(message)
