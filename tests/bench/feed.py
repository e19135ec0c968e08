"""The servers of the fan-out benchmark: one feed of raw frames to every stream, by our response and by the original."""

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import uvicorn
from sse_starlette import EventSourceResponse as Original
from starlette.types import Receive, Scope, Send

from server.kernel.auth import Viewer
from server.kernel.live.sse import EventSourceResponse
from server.kernel.live.stream import TICK
from server.kernel.live.subscriber import Subscriber

_VIEWER = Viewer(UUID(int=0), "", "admin", "", None, None, UUID(int=0), datetime.now(UTC))


class Ours:
    """Subscribers as the product has them: what came within a tick is joined into one write."""

    def __init__(self) -> None:
        self.subscribers: set[Subscriber] = set()
        self.came: list[bytes] = []
        self.ticks = 0
        self.rang = asyncio.Event()

    def publish(self, frame: bytes) -> None:
        self.came.append(frame)
        self.rang.set()

    async def tick(self) -> None:
        """Send at once, then whatever arrived meanwhile, like Streams."""
        while True:
            await self.rang.wait()
            self.rang.clear()
            came, self.came = b"".join(self.came), []
            self.ticks += 1
            for subscriber in self.subscribers:
                subscriber.send(
                    {str(self.ticks): came}
                )  # a region of its own, so that a slow reader misses nothing
            await asyncio.sleep(TICK)

    async def messages(self) -> AsyncIterator[bytes]:
        subscriber = Subscriber(_VIEWER)
        self.subscribers.add(subscriber)
        try:
            while not subscriber.ended:
                if subscriber.pending:
                    yield subscriber.take()
                else:
                    await subscriber.wait()
        finally:
            self.subscribers.discard(subscriber)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = EventSourceResponse(self.messages(), ping=15, sep="\n", send_timeout=30)
        await response(scope, receive, send)


class Theirs:
    """sse-starlette as its users have it: one queue per stream, and bytes that are ready to send."""

    def __init__(self) -> None:
        self.queues: set[asyncio.Queue[bytes]] = set()

    def publish(self, frame: bytes) -> None:
        for queue in self.queues:
            queue.put_nowait(frame)

    async def tick(self) -> None:
        """Do nothing: each event is sent by itself."""

    async def messages(self) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self.queues.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self.queues.discard(queue)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = Original(self.messages(), ping=15, sep="\n", send_timeout=30)
        await response(scope, receive, send)


async def main(kind: str, port: int, raw_port: int) -> None:
    app: Any = Ours() if kind == "ours" else Theirs()

    async def hear(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        while head := await reader.read(4):
            head += await reader.readexactly(4 - len(head))
            body = await reader.readexactly(int.from_bytes(head, "big"))
            app.publish(b"data: " + body + b"\n\n")

    raw = await asyncio.start_server(hear, "127.0.0.1", raw_port, limit=2**20)
    ticking = asyncio.create_task(app.tick())
    config = uvicorn.Config(
        app,
        port=port,
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        interface="asgi3",
    )
    try:
        await uvicorn.Server(config).serve()
    finally:
        ticking.cancel()
        raw.close()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
