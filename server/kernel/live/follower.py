"""The follower: receives over NATS what the leader passes on."""

from typing import TYPE_CHECKING

import structlog

from server.kernel.live.topics import Topics

if TYPE_CHECKING:  # imported only where FANOUT_URL is set
    from server.kernel.live.fanout import NatsConnection

log = structlog.get_logger(__name__)


class Follower:
    """Receives over NATS what the leader passes on."""

    role = "follower"
    polling = False
    hears = True

    def __init__(self, topics: Topics, nats: "NatsConnection") -> None:
        self._topics, self.nats = topics, nats

    async def run(self) -> None:
        """Follow until the leader does not answer."""
        log.info("hub_became_follower")
        try:
            self._topics.notify_missed()  # the closed connection may not have delivered everything
            await self.nats.follow()
            log.warning("hub_lost_leader")
        finally:
            self._topics.observer = None
            await self.nats.close()
