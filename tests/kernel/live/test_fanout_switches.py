"""When a process dies, freezes or returns, each hub receives by one way or the other, and misses nothing."""

import asyncio
import random
import signal
from collections.abc import Iterator
from uuid import uuid4

import pytest

from server.kernel.live import STATE
from tests.app_server import AppServer
from tests.conftest import until
from tests.kernel.db.pooler import PGBOUNCER, pooling
from tests.kernel.live.hubs import (
    Truth,
    hearing,
    leader_of,
    listeners,
    name_of,
    named,
    nats_of,
    notify,
    noting,
    proxy,
    settled,
    slow_proxy,
    together,
    together_after,
)
from tests.nats import NATS, Nats, nats

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(NATS is None, reason="nats-server is not installed"),
]


@pytest.fixture
def bus() -> Iterator[Nats]:
    with nats() as running:
        yield running


async def test_subscribe_then_read_misses_nothing(app_server: AppServer, bus: Nats) -> None:
    """A change between the read and the moment when NATS knows the subscription is rung afterwards."""
    truth = Truth()
    async with together(app_server, bus, 2) as hubs, app_server.database() as owner:
        follower = next(hub for hub in hubs if hub.role == "follower")
        for _ in range(300):
            topic = f"agents:{uuid4()}"
            truth.watch([follower], [topic])
            if random.random() < 0.5:
                await asyncio.sleep(random.random() * 0.015)
            truth.numbers[topic] = 1
            await owner.execute("select pg_notify('floor', $1)", topic)
        await until(lambda: not truth.missed([follower]))


async def test_the_leader_is_killed_and_another_takes_over(app_server: AppServer, bus: Nats) -> None:
    topic = f"agents:{uuid4()}"
    truth = Truth()
    async with together(app_server, bus) as hubs, app_server.database("supabase_admin") as admin:
        truth.watch(hubs, [topic])
        for number in range(1, 5):
            leader = leader_of(hubs)
            assert leader is not None
            await admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1",
                name_of(leader),
            )
            truth.numbers[topic] = number
            await notify(app_server, topic)
            await until(lambda: not truth.missed(hubs))
            await until(lambda: settled(hubs))
            assert await listeners(app_server, hubs) == 1


async def test_a_leader_that_ends_is_followed_by_another(app_server: AppServer, bus: Nats) -> None:
    topic = f"agents:{uuid4()}"
    truth = Truth()
    async with together(app_server, bus, 2) as hubs:
        truth.watch(hubs, [topic])
        async with hearing(named(app_server), bus.url) as third:
            await until(lambda: third.role == "follower")
            first = leader_of(hubs)
            assert first is not None
            assert first.role == "leader"
            await nats_of(first).close()  # NATS loses it, and PostgreSQL does not
            truth.numbers[topic] = 1
            await notify(app_server, topic)
            await until(lambda: not truth.missed(hubs))
            await until(lambda: settled([*hubs, third]))


async def test_nats_is_killed_and_comes_back(app_server: AppServer, bus: Nats) -> None:
    topic = f"agents:{uuid4()}"
    truth = Truth()
    async with together(app_server, bus) as hubs:
        truth.watch(hubs, [topic])
        states: list[bool] = []
        hubs[0].topics.subscribe([STATE], lambda _topic, _certain: states.append(hubs[0].state.connected))
        for number in (1, 3):
            bus.kill()
            truth.numbers[topic] = number
            await notify(app_server, topic)
            await until(lambda: not truth.missed(hubs) and all(hub.state.connected for hub in hubs))
            assert await listeners(app_server, hubs) == 3
            assert not any(hub.role in ("leader", "follower") for hub in hubs)
            bus.start()
            truth.numbers[topic] = number + 1
            await notify(app_server, topic)
            await until(lambda: not truth.missed(hubs))
            await until(lambda: settled(hubs))
            assert await listeners(app_server, hubs) == 1


async def test_a_frozen_nats_is_noticed(app_server: AppServer, bus: Nats) -> None:
    topic = f"agents:{uuid4()}"
    truth = Truth()
    async with together(app_server, bus) as hubs:
        truth.watch(hubs, [topic])
        bus.send(signal.SIGSTOP)
        try:
            truth.numbers[topic] = 1
            await notify(app_server, topic)
            await until(lambda: not truth.missed(hubs))
            await until(lambda: not any(hub.role in ("leader", "follower") for hub in hubs))
            assert await listeners(app_server, hubs) == 3
            truth.numbers[topic] = 2
            await notify(app_server, topic)
            await until(lambda: not truth.missed(hubs))
            assert not any(hub.state.name == "polling" for hub in hubs), "they were told"
        finally:
            bus.send(signal.SIGCONT)
        await until(lambda: settled(hubs))
        truth.numbers[topic] = 3
        await notify(app_server, topic)
        await until(lambda: not truth.missed(hubs))


async def test_a_leader_that_nats_does_not_hear_gives_it_up(app_server: AppServer, bus: Nats) -> None:
    topic = f"agents:{uuid4()}"
    truth = Truth()
    async with (
        proxy(bus.port) as (port, cut),
        hearing(named(app_server), f"nats://127.0.0.1:{port}") as first,
    ):
        await until(lambda: first.role == "leader")
        async with together_after(app_server, bus, first) as others:
            truth.watch([first, *others], [topic])
            cut()
            truth.numbers[topic] = 1
            await notify(app_server, topic)
            await until(lambda: not truth.missed([first, *others]))
            await until(lambda: settled(others))
            assert first.state.connected
            assert await listeners(app_server, [first, *others]) == 2
            truth.numbers[topic] = 2
            await notify(app_server, topic)
            await until(lambda: not truth.missed([first, *others]))


async def test_switching_to_and_fro_misses_nothing(app_server: AppServer, bus: Nats) -> None:
    topics = [f"agents:{uuid4()}" for _ in range(20)]
    truth = Truth()
    async with together(app_server, bus, 2) as hubs, app_server.database() as owner:
        follower = next(hub for hub in hubs if hub.role == "follower")
        truth.watch([follower], topics)
        turns = number = 0
        while turns < 6:
            number += 1
            topic = random.choice(topics)
            truth.numbers[topic] = number
            await owner.execute("select pg_notify('floor', $1)", topic)
            if number % 20 == 0:
                await until(lambda: not truth.missed([follower]))
            if follower.role == "follower" and random.random() < 0.02:
                turns += 1
                await nats_of(follower).closed()


async def test_what_a_slow_connection_had_not_said_when_it_was_closed_is_rung(
    app_server: AppServer, bus: Nats
) -> None:
    topics = [f"agents:{uuid4()}" for _ in range(400)]
    truth = Truth()
    async with (
        hearing(named(app_server), bus.url) as leader,
        slow_proxy(app_server) as port,
        app_server.database() as owner,
    ):
        await until(lambda: leader.role == "leader")
        async with hearing(f"postgresql://floorwalker_web@127.0.0.1:{port}/postgres", bus.url) as hub:
            truth.watch([hub], topics)
            for topic in topics:
                truth.numbers[topic] = 1
                await owner.execute("select pg_notify('floor', $1)", topic)
                await asyncio.sleep(0.002)
            await until(lambda: hub.role == "follower")
            await until(lambda: not truth.missed([hub]))


async def test_behind_a_transaction_pooler_one_may_follow_and_never_leads(
    app_server: AppServer, bus: Nats
) -> None:
    """It delivers no notifications, and a lock taken there stays with a connection that nobody holds."""
    if PGBOUNCER is None:
        pytest.skip("pgbouncer is not installed")
    heard: list[str] = []
    topic = f"agents:{uuid4()}"
    with pooling(app_server.home) as pooler:
        async with hearing(pooler.url(), bus.url) as polling:
            await asyncio.sleep(3)
            assert polling.state.name == "polling"
            assert polling.role == "listener"
            async with hearing(named(app_server), bus.url) as leader:
                await until(
                    lambda: (
                        leader.role == "leader"
                        and polling.role == "follower"
                        and polling.state.name != "polling"
                    )
                )
                polling.topics.subscribe([topic], noting(heard))
                await until(lambda: heard == [topic])
                await notify(app_server, topic)
                await until(lambda: heard == [topic] * 2)
            await until(lambda: polling.state.name == "polling")
