"""One response served by sse-starlette's class and by ours, over real sockets: the bytes and the events."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from sse_starlette import EventSourceResponse as Original
from sse_starlette.sse import AppStatus
from starlette.types import Receive, Scope, Send

from server.kernel.live import sse
from tests.app_server import DEADLINE
from tests.conftest import until

LARGE = b"data: " + b"x" * 30_000_000 + b"\n\n"  # more than any socket takes for a reader who does not read
Happened = list[str]
Make = Callable[[type[Original], Happened], Original]


@dataclass(slots=True)
class Served:
    """A uvicorn whose paths /original and /ours answer with the same response, each of its own class."""

    server: uvicorn.Server
    port: int
    happened: dict[str, Happened] = field(default_factory=lambda: {"original": [], "ours": []})


@asynccontextmanager
async def serving(make: Make) -> AsyncIterator[Served]:
    served: Served

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path"][1:]
        happened = served.happened[name]
        response = make(sse.EventSourceResponse if name == "ours" else Original, happened)
        try:
            await response(scope, receive, send)
        except BaseException as error:
            happened.append(f"raised {type(error).__name__}")
            raise
        happened.append("returned")

    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, http="httptools", lifespan="off", log_config=None, server_header=False)
    served = Served(uvicorn.Server(config), listening.getsockname()[1])
    task = asyncio.create_task(served.server.serve([listening]))
    try:
        await until(lambda: served.server.started)
        yield served
    finally:
        served.server.should_exit = True
        served.server.force_exit = True
        await asyncio.wait_for(task, DEADLINE)
        AppStatus.should_exit = False


class Reader:
    """A client that asks for one stream and keeps every byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer, self.received = reader, writer, b""

    async def until(self, words: bytes) -> None:
        while words not in self.received:
            part = await asyncio.wait_for(self.reader.read(2**20), DEADLINE)
            assert part, self.received[-500:]
            self.received += part

    async def rest(self) -> None:
        with suppress(ConnectionError):
            while part := await asyncio.wait_for(self.reader.read(2**20), DEADLINE):
                self.received += part


@asynccontextmanager
async def asking(port: int, name: str, method: str = "GET") -> AsyncIterator[Reader]:
    reader = Reader(*await asyncio.open_connection("127.0.0.1", port, limit=2**16))
    reader.writer.write(f"{method} /{name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    try:
        yield reader
    finally:
        reader.writer.transport.abort()


def plain(received: bytes) -> bytes:
    """Without the time of day."""
    received = re.sub(rb"(?m)^date: .*\r$", b"date: now\r", received)
    return re.sub(rb"ping - \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\+00:00", b"ping - now", received)


Act = Callable[[Reader], Awaitable[None]]


async def compare(make: Make, act: Act = Reader.rest, method: str = "GET") -> tuple[bytes, Happened]:
    """What was sent and what happened; both classes must agree."""
    async with serving(make) as served:
        received = {}
        for name, happened in served.happened.items():
            async with asking(served.port, name, method) as reader:
                await act(reader)
            await until(lambda happened=happened: {"returned", "raised"} & {h.split()[0] for h in happened})  # type: ignore[misc]
            received[name] = plain(reader.received)
        assert received["ours"] == received["original"]
        assert served.happened["ours"] == served.happened["original"]
        await until(lambda: not served.server.server_state.tasks)
        assert not sse.Clock.running, "nothing is left behind"
        return received["ours"], served.happened["ours"]


async def endless(happened: Happened, *first: Any) -> AsyncIterator[Any]:
    try:
        for one in first:
            yield one
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        happened.append("cancelled")
        raise
    except GeneratorExit:
        happened.append("closed")
        raise
    finally:
        happened.append("cleaned up")


async def some(*items: Any) -> AsyncIterator[Any]:
    for item in items:
        yield item
