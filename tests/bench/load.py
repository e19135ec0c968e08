"""The load client: many raw event streams from one process, every event's mark counted in each of them.

It is a process of its own, told over its standard input what to do, one JSON object a line; it answers with one.
"""

import asyncio
import json
import re
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.children import ending_with_us

MARK = "@{:012d}@"  # in every event of a feed, counting from 0
_FOUND = re.compile(rb"@\d{12}@")
_LENGTH = len(MARK.format(0))
_DIAL = 200  # connections that are being opened at a time
# What a browser says beside its cookie: it is kept for as long as the stream.
_BROWSER = (
    "Connection: keep-alive",
    'sec-ch-ua-platform: "Linux"',
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
    "Accept: text/html, text/event-stream",
    'sec-ch-ua: "Chromium";v="156", "Not)A;Brand";v="24"',
    "HX-Request: true",
    "HX-Request-Type: partial",
    "HX-Current-URL: http://127.0.0.1:8000/",
    "sec-ch-ua-mobile: ?0",
    "Sec-Fetch-Site: same-origin",
    "Sec-Fetch-Mode: cors",
    "Sec-Fetch-Dest: empty",
    "Referer: http://127.0.0.1:8000/",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Accept-Language: en-GB,en;q=0.9",
)
_MARKS = [MARK.format(n).encode() for n in range(100_000)]


def event(number: int, size: int = 1024) -> bytes:
    """What is in an event: its mark, filled up to so many bytes."""
    return MARK.format(number).encode().ljust(size, b"x")


@dataclass(slots=True, eq=False)
class _Stream(asyncio.Protocol):
    """One reader: what it was sent, in order."""

    request: bytes
    fresh: bytes  # what has to come before it counts as connected
    transport: asyncio.Transport | None = None
    connected: "asyncio.Future[float]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    tail: bytes = b""
    next: int = -1  # the mark that must come next; the first one that arrives is the beginning
    events: int = 0
    wrong: int = 0  # marks out of order: lost or doubled
    size: int = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.size += len(data)
        text = self.tail + data
        if not self.connected.done():
            if self.fresh in text:
                self.connected.set_result(time.monotonic())
            else:
                self.tail = text
                return
        marks = _FOUND.findall(text)
        self.tail = (text[text.rindex(marks[-1]) + _LENGTH :] if marks else text)[-_LENGTH + 1 :]
        if not marks:
            return
        if self.next < 0:
            self.next = int(marks[0][1:-1])
        if marks != _MARKS[self.next : self.next + len(marks)]:
            self.wrong += sum(a != b for a, b in zip(marks, _MARKS[self.next :], strict=False))
        self.next = int(marks[-1][1:-1]) + 1
        self.events += len(marks)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.connected.done():
            self.connected.set_exception(ConnectionError(f"closed after {self.tail[-300:]!r}"))


class _Client:
    def __init__(self) -> None:
        self.streams: list[_Stream] = []
        self.lost = 0
        self.publisher: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def open(
        self, port: int, paths: list[str], cookies: list[str], count: int, fresh: str
    ) -> dict[str, Any]:
        """Open so many streams, the paths and cookies by turns; how long until each had what is fresh."""
        began = time.monotonic()
        gate = asyncio.Semaphore(_DIAL)

        async def one(number: int) -> _Stream:
            lines = [
                f"GET {paths[number % len(paths)]} HTTP/1.1",
                f"Host: 127.0.0.1:{port}",
                *_BROWSER,
                *([f"Cookie: {cookies[number % len(cookies)]}"] if cookies else []),
            ]
            request = "\r\n".join([*lines, "", ""]).encode()
            async with gate:
                loop = asyncio.get_running_loop()
                _, stream = await loop.create_connection(
                    lambda: _Stream(request, fresh.encode()), "127.0.0.1", port
                )
                await stream.connected
            return stream

        opened = await asyncio.gather(*(one(n) for n in range(count)))
        self.streams += opened
        took = sorted(stream.connected.result() - began for stream in opened)
        return {"slowest": took[-1], "median": took[len(took) // 2]}

    async def cut(self) -> dict[str, Any]:
        """Cut every connection at once."""
        for stream in self.streams:
            assert stream.transport is not None
            stream.transport.abort()
        self.streams.clear()
        return {}

    async def publish(self, port: int, how: str, rate: float, first: int, count: int) -> dict[str, Any]:
        """Publish events `first` and on at a rate, over one connection: raw frames or HTTP POST; then wait."""
        if self.publisher is None:
            self.publisher = await asyncio.open_connection("127.0.0.1", port)
        reader, writer = self.publisher
        answers = asyncio.create_task(_answers(reader, count)) if how == "post" else None
        before = [stream.events for stream in self.streams]
        began = time.monotonic()
        for number in range(first, first + count):
            due = began + (number - first) / rate
            if due > (now := time.monotonic()):
                await asyncio.sleep(due - now)
            body = event(number)
            if how == "post":
                head = f"POST /pub HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)
            else:
                writer.write(len(body).to_bytes(4, "big") + body)
        if answers is not None:
            await answers
        took = time.monotonic() - began
        await self._settle(first + count)
        delivered = [s.events - b for s, b in zip(self.streams, before, strict=True)]
        return {
            "seconds": took,
            "delivered": sum(delivered),
            "expected": count * len(self.streams),
            "uneven": sum(d != count for d in delivered) + sum(stream.wrong for stream in self.streams),
        }

    async def _settle(self, until: int) -> None:
        """Wait for the last event everywhere, and a little longer for events that should not arrive."""
        end = time.monotonic() + 10
        while any(stream.next < until for stream in self.streams) and time.monotonic() < end:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)


async def _answers(reader: asyncio.StreamReader, count: int) -> None:
    for _ in range(count):
        head = await reader.readuntil(b"\r\n\r\n")
        found = re.search(rb"(?i)content-length: (\d+)", head)
        await reader.readexactly(int(found[1]) if found else 0)


async def _obey() -> None:
    client = _Client()
    reader = asyncio.StreamReader(limit=2**24)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while line := await reader.readline():
        order = json.loads(line)
        answer = await getattr(client, order.pop("do"))(**order)
        print(json.dumps(answer), flush=True)


class Load:
    """The load client as a benchmark sees it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def __call__(self, do: str, **order: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **order}).encode() + b"\n")
        answer = await self._process.stdout.readline()
        assert answer, "the load client has died"
        found: dict[str, Any] = json.loads(answer)
        return found


@asynccontextmanager
async def loading() -> AsyncIterator[Load]:
    """A load client until the end of the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.bench.load",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        preexec_fn=ending_with_us(signal.SIGKILL),
    )
    try:
        yield Load(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


if __name__ == "__main__":
    import uvloop

    uvloop.run(_obey())
