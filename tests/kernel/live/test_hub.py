"""The hub with a real database: which topics ring, and that nothing is lost with the connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import uuid4

import pytest

from server.kernel.live import STATE, Hub
from server.kernel.live.fanout import Fanout
from tests.app_server import DEADLINE, AppServer
from tests.conftest import free_port, until
from tests.kernel.live.hubs import noting


@asynccontextmanager
async def listening(
    app_server: AppServer, heartbeat: float = 10.0, nats: str | None = None
) -> AsyncIterator[Hub]:
    """A hub of our own whose connection the test can tell from the server's."""
    address = app_server.database_url("floorwalker_web") + f"&application_name=hub-{uuid4()}"
    hub = Hub(address, heartbeat=heartbeat, fanout=Fanout(nats) if nats else None)
    task = asyncio.create_task(hub.listen())
    try:
        await until(lambda: hub.state.connected)
        yield hub
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def name_of(hub: Hub) -> str:
    return hub.url.rpartition("=")[2]


async def notify(app_server: AppServer, payload: str) -> None:
    async with app_server.database() as owner:
        await owner.execute("select pg_notify('floor', $1)", payload)


async def test_a_topic_rings_its_own_and_everybodys(app_server: AppServer) -> None:
    heard: dict[str, list[str]] = {name: [] for name in ("mine", "all", "other")}
    mine, other = uuid4(), uuid4()
    async with listening(app_server) as hub:
        hub.topics.subscribe([f"agents:{mine}"], noting(heard["mine"]))
        hub.topics.subscribe(["agents:*"], noting(heard["all"]))
        hub.topics.subscribe([f"agents:{other}", f"interactions:{mine}"], noting(heard["other"]))
        await notify(app_server, f"agents:{mine}")
        await until(lambda: heard["all"])
        await notify(app_server, f"agents:{uuid4()}")
        await until(lambda: len(heard["all"]) > 1)
    assert (heard["mine"], len(heard["all"]), heard["other"]) == ([f"agents:{mine}"], 2, [])


async def test_a_bell_keeps_what_rang_before_the_wait(app_server: AppServer) -> None:
    topic = f"tool_permissions:{uuid4()}"
    async with listening(app_server) as hub:
        with hub.topics.listening(topic) as bell:
            assert not await bell.wait(0)
            await notify(app_server, topic)
            await asyncio.sleep(0.1)
            assert await bell.wait(DEADLINE)
            assert not await bell.wait(0)
        assert topic not in hub.topics


async def test_who_left_hears_nothing_and_twice_is_once_more(app_server: AppServer) -> None:
    heard: list[str] = []
    topic = f"agents:{uuid4()}"
    async with listening(app_server) as hub:
        ring = noting(heard)
        first, second = hub.topics.subscribe([topic], ring), hub.topics.subscribe([topic], ring)
        hub.topics.notify(topic)
        assert len(heard) == 1
        first()
        hub.topics.notify(topic)
        assert len(heard) == 2
        second()
        hub.topics.notify(topic)
        assert len(heard) == 2


async def test_a_killed_connection_comes_back_and_rings_everything(app_server: AppServer) -> None:
    heard: list[str] = []
    states: list[bool] = []
    topic = f"agents:{uuid4()}"
    async with listening(app_server) as hub:
        hub.topics.subscribe([topic], noting(heard))
        hub.topics.subscribe([STATE], lambda _topic, _certain: states.append(hub.state.connected))
        async with app_server.database("supabase_admin") as admin:
            killed = await admin.fetchval(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = $1",
                name_of(hub),
            )
        assert killed == 1
        await until(lambda: states == [False, True])
        assert heard == [topic]
        await notify(app_server, topic)
        await until(lambda: len(heard) == 2)


async def test_what_rang_while_nobody_listened_is_rung_afterwards(app_server: AppServer) -> None:
    """However often the connection is lost, the last ring comes after the last change."""
    seen: list[int] = []
    value = 0
    topic = f"agents:{uuid4()}"
    async with listening(app_server) as hub:
        hub.topics.subscribe([topic], lambda _topic, _certain: seen.append(value))
        async with app_server.database("supabase_admin") as admin:
            for _ in range(10):
                await admin.fetchval(
                    "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = $1",
                    name_of(hub),
                )
                value += 1
                await notify(app_server, topic)
                await until(lambda value=value: bool(seen) and seen[-1] == value)  # type: ignore[misc]


async def test_a_silent_connection_is_asked_for_a_heartbeat(app_server: AppServer) -> None:
    async with listening(app_server, heartbeat=0.1) as hub, app_server.database("supabase_admin") as admin:

        async def asked() -> bool:
            last = await admin.fetchval(
                "select query from pg_stat_activity where application_name = $1", name_of(hub)
            )
            return bool(last == "select 1")

        await until(asked)
        assert hub.state.connected


async def test_a_payload_that_is_no_topic_harms_nothing(app_server: AppServer) -> None:
    heard: list[str] = []
    topic = f"agents:{uuid4()}"
    async with listening(app_server) as hub:
        hub.topics.subscribe([topic], noting(heard))
        for payload in ("", "nonsense", ":", "a:b:c", "ü:*", topic):
            await notify(app_server, payload)
        await until(lambda: heard == [topic])
        assert hub.state.connected


async def silent() -> asyncio.Server:
    """A port at which connections are accepted and nothing is sent."""

    async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    return await asyncio.start_server(nothing, "127.0.0.1")


@pytest.mark.parametrize("answers", [False, True])
async def test_without_nats_everybody_listens_for_themselves(app_server: AppServer, *, answers: bool) -> None:
    heard: list[str] = []
    topic = f"agents:{uuid4()}"
    async with await silent() as quiet:
        port = quiet.sockets[0].getsockname()[1] if answers else free_port()
        async with listening(app_server, nats=f"nats://127.0.0.1:{port}") as hub:
            hub.topics.subscribe([topic], noting(heard))
            for number in range(1, 8):
                await notify(app_server, topic)
                await until(lambda number=number: len(heard) >= number)  # type: ignore[misc]
                await asyncio.sleep(0.5)
            assert hub.state.name != "polling", "it was told"
            async with app_server.database("supabase_admin") as admin:
                await admin.fetchval(
                    "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = $1",
                    name_of(hub),
                )
            await until(lambda: not hub.state.connected)
            await until(lambda: hub.state.connected)
            await until(lambda: len(heard) == 8)
            assert hub.role == "listener"
