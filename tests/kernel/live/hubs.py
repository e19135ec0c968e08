"""Hubs in this process that share a database over a real NATS, and wires that can be cut or are slow."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from uuid import uuid4

from server.embedded.folders import existing_folders
from server.kernel.live import Hub
from server.kernel.live.fanout import Fanout
from tests.conftest import until
from tests.nats import Nats
from tests.site import Site


def named(site: Site) -> str:
    return site.database_url("floorwalker_web") + f"&application_name=hub-{uuid4()}"


def name_of(hub: Hub) -> str:
    return hub._url.rpartition("=")[2]


@asynccontextmanager
async def hearing(url: str, nats_url: str) -> AsyncIterator[Hub]:
    hub = Hub(url, fanout=Fanout(nats_url))
    task = asyncio.create_task(hub.listen())
    try:
        await until(lambda: hub.live)
        yield hub
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def leader_of(hubs: list[Hub]) -> Hub | None:
    ears = [hub for hub in hubs if hub._leading is not None]
    return ears[0] if len(ears) == 1 else None


def settled(hubs: list[Hub]) -> bool:
    return (
        all(hub.live for hub in hubs)
        and leader_of(hubs) is not None
        and sum(hub._following is not None for hub in hubs) == len(hubs) - 1
    )


@asynccontextmanager
async def together(site: Site, bus: Nats, number: int = 3) -> AsyncIterator[list[Hub]]:
    """So many hubs on one database, of which one hears for all."""
    async with AsyncExitStack() as stack:
        hubs = [await stack.enter_async_context(hearing(named(site), bus.url)) for _ in range(number)]
        await until(lambda: settled(hubs))
        yield hubs


@asynccontextmanager
async def together_after(site: Site, bus: Nats, ear: Hub, number: int = 2) -> AsyncIterator[list[Hub]]:
    async with AsyncExitStack() as stack:
        hubs = [await stack.enter_async_context(hearing(named(site), bus.url)) for _ in range(number)]
        await until(lambda: settled([ear, *hubs]))
        yield hubs


async def listeners(site: Site, hubs: list[Hub]) -> int:
    """How many connections these hubs have to the database."""
    async with site.database("supabase_admin") as admin:
        found: int = await admin.fetchval(
            "select count(*) from pg_stat_activity where application_name = any ($1)",
            [name_of(hub) for hub in hubs],
        )
    return found


async def notify(site: Site, *payloads: str) -> None:
    async with site.database() as owner:
        await owner.executemany("select pg_notify('floor', $1)", [(payload,) for payload in payloads])


@dataclass(slots=True)
class Truth:
    """Numbers in the database, and for each hub what was last read of them when it rang."""

    numbers: dict[str, int] = field(default_factory=dict)
    seen: dict[tuple[int, str], int] = field(default_factory=dict)

    def watch(self, hubs: list[Hub], topics: list[str]) -> None:
        for hub in hubs:
            for topic in topics:
                hub.subscribe([topic], self._reader(id(hub), topic))

    def _reader(self, whose: int, topic: str) -> Callable[[str], None]:
        def read(_topic: str) -> None:
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
async def wire(port: int) -> AsyncIterator[tuple[int, Callable[[], None]]]:
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
async def slow_wire(site: Site) -> AsyncIterator[int]:
    """A port at which the database is, whose answers and notifications come a fifth of a second late."""
    path = f"{existing_folders(site.home).sockets}/.s.PGSQL.5432"
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
