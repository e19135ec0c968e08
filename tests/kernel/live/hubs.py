"""Hubs in this process that share a database over a real NATS, and proxies that can be cut or slow."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from uuid import uuid4

from server.embedded.folders import existing_folders
from server.kernel.live import Hub, Ring
from server.kernel.live.fanout import Fanout, NatsConnection
from server.kernel.live.follower import Follower
from server.kernel.live.listener import Leader
from tests.app_server import AppServer
from tests.conftest import until
from tests.nats import Nats


def named(app_server: AppServer) -> str:
    return app_server.database_url("floorwalker_web") + f"&application_name=hub-{uuid4()}"


def name_of(hub: Hub) -> str:
    return hub.url.rpartition("=")[2]


@asynccontextmanager
async def hearing(url: str, nats_url: str, longest_pause: float = 5.0) -> AsyncIterator[Hub]:
    hub = Hub(url, fanout=Fanout(nats_url, longest_pause=longest_pause))
    task = asyncio.create_task(hub.listen())
    try:
        await until(lambda: hub.state.connected)
        yield hub
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def noting(heard: list[str]) -> Ring:
    """Write down each topic that rings."""
    return lambda topic, _certain: heard.append(topic)


def counting(heard: Counter[str]) -> Ring:
    return lambda topic, _certain: heard.update([topic])


def nats_of(hub: Hub) -> NatsConnection:
    """Its connection to NATS, as a leader or a follower."""
    assert isinstance(hub.source, Leader | Follower)
    return hub.source.nats


def subscribed(hub: Hub) -> bool:
    """Whether it follows, and NATS knows of all that it subscribed to."""
    return hub.role == "follower" and nats_of(hub).settled


def leader_of(hubs: list[Hub]) -> Hub | None:
    leaders = [hub for hub in hubs if hub.role == "leader"]
    return leaders[0] if len(leaders) == 1 else None


def settled(hubs: list[Hub]) -> bool:
    return (
        all(hub.state.connected for hub in hubs)
        and leader_of(hubs) is not None
        and sum(hub.role == "follower" for hub in hubs) == len(hubs) - 1
    )


@asynccontextmanager
async def together(
    app_server: AppServer, bus: Nats, number: int = 3, longest_pause: float = 5.0
) -> AsyncIterator[list[Hub]]:
    """So many hubs on one database, of which one is the leader."""
    async with AsyncExitStack() as stack:
        hubs = [
            await stack.enter_async_context(hearing(named(app_server), bus.url, longest_pause))
            for _ in range(number)
        ]
        await until(lambda: settled(hubs))
        yield hubs


@asynccontextmanager
async def together_after(
    app_server: AppServer, bus: Nats, leader: Hub, number: int = 2
) -> AsyncIterator[list[Hub]]:
    async with AsyncExitStack() as stack:
        hubs = [await stack.enter_async_context(hearing(named(app_server), bus.url)) for _ in range(number)]
        await until(lambda: settled([leader, *hubs]))
        yield hubs


async def listeners(app_server: AppServer, hubs: list[Hub]) -> int:
    """How many connections these hubs have to the database."""
    async with app_server.database("supabase_admin") as admin:
        found: int = await admin.fetchval(
            "select count(*) from pg_stat_activity where application_name = any ($1)",
            [name_of(hub) for hub in hubs],
        )
    return found


async def notify(app_server: AppServer, *payloads: str) -> None:
    async with app_server.database() as owner:
        await owner.executemany("select pg_notify('floor', $1)", [(payload,) for payload in payloads])


@dataclass(slots=True)
class Truth:
    """Numbers in the database, and for each hub the number that it read last after a ring."""

    numbers: dict[str, int] = field(default_factory=dict)
    seen: dict[tuple[int, str], int] = field(default_factory=dict)

    def watch(self, hubs: list[Hub], topics: list[str]) -> None:
        for hub in hubs:
            for topic in topics:
                hub.topics.subscribe([topic], self._reader(id(hub), topic))

    def _reader(self, whose: int, topic: str) -> Ring:
        def read(_topic: str, _certain: bool) -> None:
            self.seen[whose, topic] = self.numbers.get(topic, 0)

        return read

    def missed(self, hubs: list[Hub]) -> list[tuple[int, str]]:
        return [
            (number, topic)
            for number, hub in enumerate(hubs)
            for topic, value in self.numbers.items()
            if self.seen.get((id(hub), topic), 0) != value
        ]


@asynccontextmanager
async def proxy(port: int) -> AsyncIterator[tuple[int, Callable[[], None]]]:
    """A port that leads to another, and the way to cut it."""
    writers: list[asyncio.StreamWriter] = []

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65536):
            writer.write(chunk)
        writer.close()

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        writers.extend((writer, back))
        with suppress(OSError):
            await asyncio.gather(carry(reader, back), carry(there, writer))

    server = await asyncio.start_server(join, "127.0.0.1")

    def cut() -> None:
        server.close()
        for writer in writers:
            writer.close()

    try:
        yield server.sockets[0].getsockname()[1], cut
    finally:
        cut()
        await asyncio.sleep(0.05)


@asynccontextmanager
async def slow_proxy(app_server: AppServer) -> AsyncIterator[int]:
    """A port at which the database is, whose answers and notifications come a fifth of a second late."""
    path = f"{existing_folders(app_server.home).sockets}/.s.PGSQL.5432"
    loop = asyncio.get_running_loop()

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, questions = await asyncio.open_unix_connection(path)

        async def forth() -> None:
            while chunk := await reader.read(65536):
                questions.write(chunk)
            questions.close()

        async def back() -> None:
            while chunk := await answers.read(65536):
                loop.call_later(0.2, writer.write, chunk)
            writer.close()

        with suppress(OSError):
            await asyncio.gather(forth(), back())

    async with await asyncio.start_server(join, "127.0.0.1") as server:
        yield server.sockets[0].getsockname()[1]
