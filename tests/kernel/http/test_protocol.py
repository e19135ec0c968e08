"""Connections without a request, requests that do not arrive, and readers that do not read."""

import asyncio
import re
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from server.errors import RequestError
from server.kernel.http import BodyLimit, Protocol
from server.kernel.http.bodies import BODY_LIMIT, TooLarge, TooSlow
from server.kernel.http.protocol import HEAD_LIMIT
from tests.app_server import DEADLINE, AppServer, Person
from tests.conftest import until

HEAD, BODY, STALL = 1.0, 2.0, 1.5  # seconds, where the server has fifteen and more
LONG = 3000  # characters, sent one by one: for longer than any limit
LARGE = 60_000_000  # bytes: more than any socket takes for a reader who does not read


class Impatient(Protocol):
    head_seconds, stall_seconds = HEAD, STALL


def plain(_connection: HTTPConnection, error: RequestError) -> Response:
    return PlainTextResponse(error.detail, error.status)


async def read(request: Request) -> Response:
    try:
        return PlainTextResponse(str(len(await request.body())))
    except (TooLarge, TooSlow) as error:
        return plain(request, error)


async def ignore(_request: Request) -> Response:
    return PlainTextResponse("never mind")


async def stream(_request: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        try:
            for number in range(1000):
                yield f"{number}\n".encode()
                await asyncio.sleep(0.1)
        finally:
            ended.set()

    return StreamingResponse(parts())


async def large(_request: Request) -> Response:
    return Response(b"x" * LARGE)


ended = asyncio.Event()


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A uvicorn with our protocol and our limit for bodies, both with short timeouts."""
    ended.clear()
    app = Starlette(
        routes=[
            Route("/read", read, methods=["POST"]), Route("/ignore", ignore, methods=["POST"]),
            Route("/", ignore), Route("/stream", stream, methods=["GET", "POST"]), Route("/large", large),
        ],
        middleware=[Middleware(BodyLimit, refuse=plain, seconds=BODY)],
    )  # fmt: skip
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, http=Impatient, lifespan="off", log_config=None, server_header=False)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve([listening]))
    await until(lambda: server.started)
    yield listening.getsockname()[1]
    server.should_exit = server.force_exit = True
    await asyncio.wait_for(task, DEADLINE)


class Client:
    """A connection, and when it ended."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.began = time.monotonic()

    def say(self, text: str) -> None:
        self.writer.write(text.encode())

    async def ends(self) -> tuple[bytes, float]:
        """What arrived until the server closed the connection, and after how long."""
        said = b""
        with suppress(ConnectionError):
            said = await asyncio.wait_for(self.reader.read(), DEADLINE)
        return said, time.monotonic() - self.began

    async def ends_while(self, text: str) -> tuple[bytes, float]:
        """The same, while we say something character by character."""

        async def trickle() -> None:
            for character in text:
                self.say(character)
                await asyncio.sleep(0.05)

        trickling = asyncio.create_task(trickle())
        ended = await self.ends()
        trickling.cancel()
        return ended


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Client]:
    client = Client(*await asyncio.open_connection("127.0.0.1", port))
    try:
        yield client
    finally:
        client.writer.transport.abort()


GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = "POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n"


@pytest.mark.parametrize("beginning", ["", "\r\n" * LONG, "G", "GET / HTTP/1.1\r\nX-Slow: " + "a" * LONG])
async def test_a_connection_without_a_request_ends(port: int, beginning: str) -> None:
    async with connected(port) as client:
        said, seconds = await client.ends_while(beginning)
    assert seconds > HEAD * 0.9
    if beginning.strip():
        assert said.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        assert b"content-security-policy: default-src 'none'" in said.lower()
    else:
        assert said == b""


async def test_what_is_no_request_is_refused_at_once_and_with_our_headers(port: int) -> None:
    for nonsense in ("GEEE / HTTP/1.1\r\n\r\n", "\x16\x03\x01", "GET / HTTP/9.9\r\n\r\n"):
        async with connected(port) as client:
            client.say(nonsense)
            said, _ = await client.ends()
        assert said.startswith(b"HTTP/1.1 400 Bad Request\r\n"), nonsense
        assert b"x-content-type-options: nosniff" in said.lower()
        assert b"cache-control: private, no-store" in said.lower()


@pytest.mark.parametrize("more", ["\r\n", "GET / HTTP/1.1\r\nX: "])
async def test_nor_does_it_last_after_one_that_was_answered(port: int, more: str) -> None:
    async with connected(port) as client:
        client.say(GET)
        assert b"never mind" in await client.reader.readuntil(b"never mind")
        await client.ends_while(more * LONG)


async def test_nor_by_a_body_that_nobody_reads(port: int) -> None:
    async with connected(port) as client:
        client.say(POST.format("/ignore", 2 * LONG))
        assert b"never mind" in await client.reader.readuntil(b"never mind")
        await client.ends_while("x" * LONG)


async def test_a_body_that_does_not_come_is_408(port: int) -> None:
    async with connected(port) as client:
        client.say(POST.format("/read", 2 * LONG))
        said, seconds = await client.ends_while("x" * LONG)
    assert seconds > BODY * 0.9
    assert said.startswith(b"HTTP/1.1 408")
    assert b"did not arrive within" in said


async def test_a_body_that_comes_slowly_but_in_time_is_read(port: int) -> None:
    async with connected(port) as client:
        client.say(POST.format("/read", 10).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"))
        said, _ = await client.ends_while("x" * 10)
    assert said.endswith(b"10")


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_that_is_too_large_is_refused_and_the_connection_ends(
    port: int, announced: bool
) -> None:
    async with connected(port) as client:
        if announced:
            client.say(POST.format("/read", BODY_LIMIT + 1))
        else:
            client.say("POST /read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(5):
                client.say(f"{2**16:x}\r\n{'x' * 2**16}\r\n")
        said, _ = await client.ends_while("x" * LONG if announced else "1\r\nx\r\n" * 10)
    assert said.startswith(b"HTTP/1.1 413")


async def test_a_stream_that_was_asked_for_with_a_body_that_does_not_come_just_ends(port: int) -> None:
    async with connected(port) as client:
        client.say(POST.format("/stream", 1000))
        said, _ = await client.ends()
    assert said.startswith(b"HTTP/1.1 200")
    assert ended.is_set()


async def test_a_head_that_is_too_large_is_refused(port: int) -> None:
    async with connected(port) as client:
        client.say("GET / HTTP/1.1\r\nHost: x\r\n")
        with suppress(ConnectionError):
            for number in range(4 * HEAD_LIMIT // 1000):
                client.say(f"X-{number}: {'x' * 1000}\r\n")
                await client.writer.drain()
        said, _ = await client.ends()
    assert said.startswith(b"HTTP/1.1 431") or not said, "which may be lost when one goes on talking"


async def test_large_heads_one_after_the_other_are_not_added_up(port: int) -> None:
    async with connected(port) as client:
        for _ in range(5):
            head = GET.replace("\r\n\r\n", f"\r\nX: {'x' * (HEAD_LIMIT // 2)}\r\n\r\n")
            client.say(head[:20_000])
            await asyncio.sleep(0.02)
            client.say(head[20_000:])
            assert b" 200 " in await client.reader.readuntil(b"never mind")


async def test_requests_that_come_one_by_one_or_ahead_of_time_are_answered(port: int) -> None:
    async with connected(port) as client:
        for _ in range(3):
            client.say(GET)
            assert b" 200 " in await client.reader.readuntil(b"never mind")
            await asyncio.sleep(HEAD * 0.5)
        client.say(GET * 5)
        for _ in range(5):
            assert b" 200 " in await client.reader.readuntil(b"never mind")


async def test_a_stream_lasts_and_ends_with_its_reader_whatever_was_asked_ahead(port: int) -> None:
    async with connected(port) as client:
        client.say(GET.replace("/ ", "/stream ") + GET + GET[:10])
        for _ in range(int(HEAD * 20)):
            assert await client.reader.readline()
        assert not ended.is_set()
    await asyncio.wait_for(ended.wait(), DEADLINE)


async def test_a_reader_who_does_not_read_is_left_and_one_who_reads_slowly_is_not(port: int) -> None:
    async with connected(port) as stuck, connected(port) as slow:
        for client in (stuck, slow):
            client.say(GET.replace("/ ", "/large ").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"))
        read = 0
        while part := await slow.reader.read(2**20):
            read += len(part)
            if time.monotonic() - slow.began < STALL * 2:
                await asyncio.sleep(0.1)
        assert read > LARGE
        assert time.monotonic() - slow.began > STALL * 1.5
        read = 0
        with suppress(ConnectionError):
            while part := await stuck.reader.read(2**20):
                read += len(part)
        assert read < LARGE


async def test_the_server_speaks_so(app_server: AppServer, voice: Person) -> None:
    """The real server, too; and a stream with a further request behind it ends with its connection."""
    port = int(app_server.url.rpartition(":")[2])
    async with connected(port) as client:
        client.say(GET[:-2] + f"X: {'x' * HEAD_LIMIT}")
        await asyncio.sleep(0.1)
        client.say("x" * 10)
        assert (await client.ends())[0].startswith(b"HTTP/1.1 431")

    async def streams() -> int:
        async with httpx.AsyncClient(timeout=DEADLINE) as http:
            page = (await http.get(f"{app_server.url}/metrics")).text
        found = re.search(r"^floorwalker_streams (\d+)", page, re.MULTILINE)
        assert found, page
        return int(found[1])

    before = await streams()
    async with app_server.browser_of(voice) as browser, connected(port) as client:
        cookie = f"Cookie: {app_server.cookie}={browser.cookies[app_server.cookie]}\r\n"
        head = f"Host: 127.0.0.1\r\n{cookie}\r\n"
        client.say(f"GET /stream?page=floor HTTP/1.1\r\n{head}GET /healthz HTTP/1.1\r\n{head}")
        await client.reader.readuntil(b"agents")
        assert await streams() == before + 1

    async def gone() -> bool:
        return await streams() == before

    await until(gone)
