"""Audiences, as test_stream.py has them, with a hub that follows another's ear over a real NATS."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from server.kernel.live import Hub
from server.kernel.live.fanout import Fanout
from tests.conftest import until
from tests.kernel.live import test_stream
from tests.kernel.live.test_stream import *  # noqa: F403 - pytest finds them here as well
from tests.nats import NATS, Nats, nats
from tests.site import Site

if TYPE_CHECKING:
    from server.kernel.live.fanout import NatsConnection

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(NATS is None, reason="nats-server is not installed"),
]


@pytest.fixture(scope="module")
def bus() -> Iterator[Nats]:
    with nats() as running:
        yield running


@pytest.fixture(scope="module")
async def ear(site: Site, bus: Nats) -> AsyncIterator[Hub]:
    """Somebody else who hears the database for everybody."""
    hub = Hub(site.database_url("floorwalker_web"), fanout=Fanout(bus.url))
    task = asyncio.create_task(hub.listen())
    try:
        await until(lambda: hub._leading)
        yield hub
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture(scope="module")
def followed() -> Iterator[list["NatsConnection"]]:
    """The hubs that did follow; one test may be over before its own does."""
    found: list[NatsConnection] = []
    yield found
    assert found


@pytest.fixture(autouse=True)
def following(bus: Nats, ear: Hub, followed: list["NatsConnection"], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every hub that test_stream makes follows it."""

    class Follower(Hub):
        def __init__(self, url: str, **options: Any) -> None:
            super().__init__(url, fanout=Fanout(bus.url), **options)

        async def _follow(self, line: "NatsConnection") -> None:
            followed.append(line)
            await super()._follow(line)

    monkeypatch.setattr(test_stream, "Hub", Follower)


# Who follows reads once more when NATS knows what is waited for: equal bytes, and not the very same.
del test_everybody_in_an_audience_gets_the_very_same_bytes  # noqa: F821
