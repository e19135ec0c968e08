"""uvicorn's HTTP/1.1 with time limits for slow request heads and for readers that stop reading."""

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from server.kernel.http.middleware import HEADERS, UNCACHED

HEAD_LIMIT = 64 * 1024  # bytes


class Protocol(HttpToolsProtocol):
    """One connection.

    uvicorn limits only the time between two requests. Here the head of a request has 15 s, so a client cannot hold a
    connection by sending nothing, or a byte every few seconds. A thousand such connections held 5 MB and as many file
    descriptors (2026-11-25). A body has 30 s (bodies.py), and a client that reads nothing of an answer a minute.
    """

    head_seconds = 15.0  # for the head of a request, from when it could begin
    stall_seconds = 60.0  # during which the client reads nothing of an answer

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._answering: RequestResponseCycle | None = None
        self._head_size = 0  # bytes of an incomplete head
        self._in_head = False
        self._head_due: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._answering is not None and not self._answering.response_complete:
            # uvicorn notifies only the newest request, and a client may have sent one while a stream is open.
            self._answering.disconnected = True
            self._answering.message_event.set()
        for timer in (self._head_due, self._stalled):
            if timer is not None:
                timer.cancel()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head_size += len(data)
            if self._head_size > HEAD_LIMIT:
                self._refuse(431, "The headers of this request are too large.")
        if self._answering is None or self._answering.response_complete:
            self._wait_for_head()  # it was not a request

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        self._in_head, self._head_size = False, 0
        if self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse bytes that are not HTTP."""
        self._refuse(400, msg)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def _wait_for_head(self) -> None:
        if self._head_due is None and not self.transport.is_closing():
            self._head_due = self.loop.call_later(self.head_seconds, self._head_is_late)

    def _head_is_late(self) -> None:
        self._head_due = None
        if self._in_head:
            self._refuse(408, "The request did not arrive in time.")
        else:
            self.transport.close()

    def _watch_reader(self) -> None:
        left = self.transport.get_write_buffer_size()
        self._stalled = self.loop.call_later(self.stall_seconds, self._look_at_reader, left)

    def _look_at_reader(self, before: int) -> None:
        if self.transport.get_write_buffer_size() < before:
            self._watch_reader()  # it reads, if slowly
        else:
            self.transport.abort()

    def _refuse(self, status: int, words: str) -> None:
        if self.transport.is_closing():
            return
        headers = HEADERS | {
            "Cache-Control": UNCACHED,
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Length": str(len(words)),
            "Connection": "close",
        }
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{k}: {v}" for k, v in headers.items())]
        self.transport.write(("\r\n".join(lines) + "\r\n\r\n" + words).encode())
        self.transport.close()
