"""Whoever dies, freezes or comes back: each hub hears by one way or the other, and nothing is missed in between."""

import asyncio
import random
import signal
from collections.abc import Iterator
from uuid import uuid4

import pytest

from server.kernel.live import STATE
from tests.conftest import until
from tests.kernel.db.pooler import PGBOUNCER, pooling
from tests.kernel.live.hubs import (
    Truth,
    hearing,
    leader_of,
    listeners,
    name_of,
    named,
    notify,
    settled,
    slow_wire,
    together,
    together_after,
    wire,
)
from tests.nats import NATS, Nats, nats
from tests.site import Site

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(NATS is None, reason="nats-server is not installed"),
]


@pytest.fixture
def bus() -> Iterator[Nats]:
    with nats() as running:
        yield running


async def test_subscribe_then_read_misses_nothing(site: Site, bus: Nats) -> None:
    """What changes between the reading and NATS' knowing of the subscription is rung once it knows."""
    truth = Truth()
    async with together(site, bus, 2) as hubs, site.database() as owner:
        follower = next(hub for hub in hubs if hub._following)
        for _ in range(300):
            topic = f"agents:{uuid4()}"
            truth.watch([follower], [topic])
            if random.random() < 0.5:
                await asyncio.sleep(random.random() * 0.015)
            truth.numbers[topic] = 1
            await owner.execute("select pg_notify('floor', $1)", topic)
        await until(lambda: not truth.missed([follower]))


async def test_the_ear_is_killed_and_another_takes_over(site: Site, bus: Nats) -> None:
    topic = f"agents:{uuid4()}"
    truth = Truth()
    async with together(site, bus) as hubs, site.database("supabase_admin") as admin:
        truth.watch(hubs, [topic])
        for number in range(1, 5):
            ear = leader_of(hubs)
            assert ear is not None
            await admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1",
                name_of(ear),
            )
            truth.numbers[topic] = number
            await notify(site, topic)
            await until(lambda: not truth.missed(hubs))
            await until(lambda: settled(hubs))
            assert await listeners(site, hubs) == 1


async def test_an_ear_that_ends_is_followed_by_another(site: Site, bus: Nats) -> None:
    topic = f"agents:{uuid4()}"
    truth = Truth()
    async with together(site, bus, 2) as hubs:
        truth.watch(hubs, [topic])
        async with hearing(named(site), bus.url) as third:
            await until(lambda: third._following)
            first = leader_of(hubs)
            assert first is not None
            assert first._leading is not None
            await first._leading.close()  # NATS hears nothing of it any more; PostgreSQL does
            truth.numbers[topic] = 1
            await notify(site, topic)
            await until(lambda: not truth.missed(hubs))
            await until(lambda: settled([*hubs, third]))


async def test_nats_is_killed_and_comes_back(site: Site, bus: Nats) -> None:
    topic = f"agents:{uuid4()}"
    truth = Truth()
    async with together(site, bus) as hubs:
        truth.watch(hubs, [topic])
        states: list[bool] = []
        hubs[0].subscribe([STATE], lambda _: states.append(hubs[0].live))
        for number in (1, 3):
            bus.kill()
            truth.numbers[topic] = number
            await notify(site, topic)
            await until(lambda: not truth.missed(hubs) and all(hub.live for hub in hubs))
            assert await listeners(site, hubs) == 3
            assert not any(hub._leading or hub._following for hub in hubs)
            bus.start()
            truth.numbers[topic] = number + 1
            await notify(site, topic)
            await until(lambda: not truth.missed(hubs))
            await until(lambda: settled(hubs))
            assert await listeners(site, hubs) == 1


async def test_a_frozen_nats_is_noticed(site: Site, bus: Nats) -> None:
    topic = f"agents:{uuid4()}"
    truth = Truth()
    async with together(site, bus) as hubs:
        truth.watch(hubs, [topic])
        bus.send(signal.SIGSTOP)
        try:
            truth.numbers[topic] = 1
            await notify(site, topic)
            await until(lambda: not truth.missed(hubs))
            await until(lambda: not any(hub._leading or hub._following for hub in hubs))
            assert await listeners(site, hubs) == 3
            truth.numbers[topic] = 2
            await notify(site, topic)
            await until(lambda: not truth.missed(hubs))
            assert not any(hub.polling for hub in hubs), "they were told"
        finally:
            bus.send(signal.SIGCONT)
        await until(lambda: settled(hubs))
        truth.numbers[topic] = 3
        await notify(site, topic)
        await until(lambda: not truth.missed(hubs))


async def test_an_ear_that_nats_does_not_hear_gives_it_up(site: Site, bus: Nats) -> None:
    topic = f"agents:{uuid4()}"
    truth = Truth()
    async with wire(bus.port) as (port, cut), hearing(named(site), f"nats://127.0.0.1:{port}") as first:
        await until(lambda: first._leading)
        async with together_after(site, bus, first) as others:
            truth.watch([first, *others], [topic])
            cut()
            truth.numbers[topic] = 1
            await notify(site, topic)
            await until(lambda: not truth.missed([first, *others]))
            await until(lambda: settled(others))
            assert first.live
            assert await listeners(site, [first, *others]) == 2
            truth.numbers[topic] = 2
            await notify(site, topic)
            await until(lambda: not truth.missed([first, *others]))


async def test_switching_to_and_fro_misses_nothing(site: Site, bus: Nats) -> None:
    topics = [f"agents:{uuid4()}" for _ in range(20)]
    truth = Truth()
    async with together(site, bus, 2) as hubs, site.database() as owner:
        follower = next(hub for hub in hubs if hub._following)
        truth.watch([follower], topics)
        turns = number = 0
        while turns < 6:
            number += 1
            topic = random.choice(topics)
            truth.numbers[topic] = number
            await owner.execute("select pg_notify('floor', $1)", topic)
            if number % 20 == 0:
                await until(lambda: not truth.missed([follower]))
            if follower._following is not None and random.random() < 0.02:
                turns += 1
                await follower._following.closed()
                assert follower._fanout is not None
                follower._fanout._not_before = 0.0


async def test_what_a_slow_connection_had_not_said_when_it_was_closed_is_rung(site: Site, bus: Nats) -> None:
    topics = [f"agents:{uuid4()}" for _ in range(400)]
    truth = Truth()
    async with hearing(named(site), bus.url) as ear, slow_wire(site) as port, site.database() as owner:
        await until(lambda: ear._leading)
        async with hearing(f"postgresql://floorwalker_web@127.0.0.1:{port}/postgres", bus.url) as hub:
            truth.watch([hub], topics)
            for topic in topics:
                truth.numbers[topic] = 1
                await owner.execute("select pg_notify('floor', $1)", topic)
                await asyncio.sleep(0.002)
            await until(lambda: hub._following)
            await until(lambda: not truth.missed([hub]))


async def test_behind_a_transaction_pooler_one_may_follow_and_never_leads(site: Site, bus: Nats) -> None:
    """It delivers no notifications, and a lock taken there stays with a connection that nobody holds."""
    if PGBOUNCER is None:
        pytest.skip("pgbouncer is not installed")
    heard: list[str] = []
    topic = f"agents:{uuid4()}"
    with pooling(site.home) as pooler:
        async with hearing(pooler.url(), bus.url) as deaf:
            await asyncio.sleep(3)
            assert deaf.polling
            assert deaf._leading is None
            async with hearing(named(site), bus.url) as ear:
                await until(lambda: ear._leading and deaf._following and not deaf.polling)
                deaf.subscribe([topic], heard.append)
                await until(lambda: heard == [topic])
                await notify(site, topic)
                await until(lambda: heard == [topic] * 2)
            await until(lambda: deaf.polling)
