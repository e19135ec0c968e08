"""A proxy between a browser and a server that loses, delays or cuts connections, or answers by itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

from tests.app_server import AppServer

PORTAL = b"<!doctype html><title>Hotel WLAN</title><h1>Please sign in to the hotel's network</h1>"
PAUSE = 0.7  # seconds
_STREAM = b"GET /stream"


@dataclass(slots=True)
class Proxy:
    """What it does with what passes; it may be told something else at any time."""

    app_server: AppServer  # as it is reached through the proxy
    swallows: bool = False  # nothing arrives on either side, and no connection ends
    swallows_streams: bool = False  # the same for streams alone
    delay: float = 0.0  # seconds
    halves: bool = False  # a page arrives in two parts, PAUSE apart
    portal: bool = False  # answers each request with a page of its own
    writers: set[asyncio.StreamWriter] = field(default_factory=set)
    streams: set[asyncio.StreamWriter] = field(default_factory=set)  # connections that carry one
    lost: set[asyncio.StreamWriter] = field(default_factory=set)  # connections that stay swallowed

    def swallow_what_is_open(self) -> None:
        """Lose what is open now, as after a change of network; new connections work."""
        self.lost |= self.writers

    def cut(self) -> None:
        """End all connections."""
        for writer in self.writers:
            writer.transport.abort()


@asynccontextmanager
async def between(app_server: AppServer) -> AsyncIterator[Proxy]:
    """A proxy in front of an app server."""
    port = int(app_server.url.rpartition(":")[2])

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if proxy.portal:
            return await _answer(reader, writer)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.transport.abort()
            return None
        proxy.writers |= {writer, back}
        try:
            await asyncio.gather(_pass(proxy, reader, back, writer), _pass(proxy, there, writer, back))
        finally:
            for among in (proxy.writers, proxy.streams, proxy.lost):
                among -= {writer, back}
            for end in (writer, back):
                end.transport.abort()
        return None

    server = await asyncio.start_server(join, "127.0.0.1")
    proxy = Proxy(replace(app_server, url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(PORTAL)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + PORTAL)
        await writer.drain()
    writer.close()


async def _pass(
    proxy: Proxy, reader: asyncio.StreamReader, to: asyncio.StreamWriter, back: asyncio.StreamWriter
) -> None:
    """What comes from one side goes to the other, until either ends."""
    with suppress(ConnectionError):
        while part := await reader.read(2**16):
            if part.startswith(_STREAM):
                proxy.streams |= {to, back}
            if proxy.swallows_streams and {to, back} & proxy.streams:
                proxy.lost |= {to, back}
            if proxy.delay:
                await asyncio.sleep(proxy.delay)
            if not proxy.swallows and not {to, back} & proxy.lost:
                if proxy.halves and b"text/html" in part:
                    to.write(part[: len(part) // 2])
                    part = part[len(part) // 2 :]
                    await asyncio.sleep(PAUSE)
                to.write(part)
                await to.drain()
    if not {to, back} & proxy.lost:
        to.transport.abort()
