"""Audiences, as test_stream.py has them, with a hub that follows a leader over a real NATS."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from functools import partial

import pytest

from server.kernel.live import Hub
from server.kernel.live.fanout import Fanout
from server.kernel.live.follower import Follower
from tests.app_server import AppServer
from tests.conftest import until
from tests.kernel.live import test_stream
from tests.kernel.live.test_stream import *  # noqa: F403 - pytest finds them here as well
from tests.nats import NATS, Nats, nats

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(NATS is None, reason="nats-server is not installed"),
]


@pytest.fixture(scope="module")
def bus() -> Iterator[Nats]:
    with nats() as running:
        yield running


@pytest.fixture(scope="module")
async def leader(app_server: AppServer, bus: Nats) -> AsyncIterator[Hub]:
    """Somebody else who hears the database for everybody."""
    hub = Hub(app_server.database_url("floorwalker_web"), fanout=Fanout(bus.url))
    task = asyncio.create_task(hub.listen())
    try:
        await until(lambda: hub.role == "leader")
        yield hub
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture(scope="module")
def followed() -> Iterator[list[Follower]]:
    """The sources that did follow; one test may be over before its own does."""
    found: list[Follower] = []
    yield found
    assert found


@pytest.fixture(autouse=True)
def following(bus: Nats, leader: Hub, followed: list[Follower], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every hub that test_stream makes follows it."""
    run = Follower.run

    async def noted(self: Follower) -> None:
        followed.append(self)
        await run(self)

    monkeypatch.setattr(Follower, "run", noted)
    monkeypatch.setattr(test_stream, "Hub", partial(Hub, fanout=Fanout(bus.url)))


# Who follows reads once more when NATS knows what is waited for: equal bytes, and not the very same.
del test_everybody_in_an_audience_gets_the_very_same_bytes  # noqa: F821
