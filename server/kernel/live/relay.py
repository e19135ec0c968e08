"""The leader, which passes on over NATS what PostgreSQL notifies, and the followers, which receive it there."""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from server.kernel.live.topics import Topics

if TYPE_CHECKING:  # imported only where FANOUT_URL is set
    from server.kernel.live.fanout import NatsConnection
    from server.kernel.live.listener import Listener

log = structlog.get_logger(__name__)


class Leader:
    """A LISTEN connection that holds the leader's lock: what it is notified of it passes on to those who follow."""

    role = "leader"
    polling = False

    def __init__(self, listener: "Listener", nats: "NatsConnection") -> None:
        self._listener, self.nats = listener, nats

    @property
    def hears(self) -> bool:
        """As its connection does."""
        return self._listener.hears

    async def run(self) -> "Listener":
        """Lead until NATS does not hear us any more: then the connection goes on alone, since another one may lead."""
        alone = False
        self._listener.forward = self.nats.pass_on
        try:
            await self.nats.lead()
            log.info("hub_became_leader")
            while True:
                await self._pass_on(self._listener.interval)
                await self._listener.beat()
                if self.nats.lost or not await self.nats.answered():
                    log.warning("hub_is_leader_no_more")
                    await self.nats.close()
                    await self._listener.unlock()
                    alone = True
                    return self._listener
        finally:
            self._listener.forward = None
            if not alone:
                self._listener.close()
                await self.nats.close()

    async def _pass_on(self, seconds: float) -> None:
        """Pass on what was notified, until the time is over or one of the connections is gone."""
        end = asyncio.get_running_loop().time() + seconds
        while not self._listener.gone.is_set():
            await self.nats.send()
            left = end - asyncio.get_running_loop().time()
            if left <= 0 or self.nats.lost:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._listener.wake.wait()
            self._listener.wake.clear()


class Follower:
    """Receives over NATS what the leader passes on."""

    role = "follower"
    polling = False
    hears = True

    def __init__(self, topics: Topics, nats: "NatsConnection") -> None:
        self._topics, self.nats = topics, nats

    async def run(self) -> None:
        """Follow until the leader does not answer."""
        log.info("hub_follows_leader")
        try:
            self._topics.notify_missed()  # what the closed connection would still have said
            await self.nats.follow()
            log.warning("hub_lost_leader")
        finally:
            self._topics.observer = None
            await self.nats.close()
