"""The hub keeps a source of notifications, publishes how well it receives, and has the only loop that waits for rows."""

import asyncio
import datetime as dt
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

import structlog

from server.kernel.live.listener import HEARTBEAT, LOST, Listener, Source
from server.kernel.live.topics import OWN, Bell, Topics

if TYPE_CHECKING:  # imported only where FANOUT_URL is set
    from server.kernel.live.fanout import Fanout

STATE = f"{OWN}state"  # the topic of the hub's own state
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0  # seconds before it connects again
_POLL_WAIT = 0.3  # seconds between two checks by a caller that waits, while notifications may not arrive

log = structlog.get_logger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class State:
    """Whether notifications arrive (live), all rows are read at intervals (polling), or neither (disconnected); and since when."""

    name: Literal["live", "polling", "disconnected"]
    since: dt.datetime

    @property
    def connected(self) -> bool:
        """Whether changes reach this process, at once or at intervals."""
        return self.name != "disconnected"


class Hub:
    """Rings the topics that PostgreSQL notifies, through the source that is available at the moment.

    A source is a LISTEN connection or, with NATS, the leader's: the leader passes its notifications on, and the followers
    close their own connections. When the source changes, every topic is rung, because a notification may have been missed.
    """

    def __init__(self, url: str, *, heartbeat: float = HEARTBEAT, fanout: "Fanout | None" = None) -> None:
        self.url, self._heartbeat, self._fanout = url, heartbeat, fanout
        self.topics = Topics()
        self.source: Source | None = None
        self.state = State("disconnected", dt.datetime.now(dt.UTC))

    @property
    def hears(self) -> bool:
        """Whether notifications arrive, as far as this process can know; a source that has stopped answering counts as no."""
        return self.source is not None and self.source.hears

    @property
    def role(self) -> str:
        """The role of the source: listener, leader or follower; empty while there is none."""
        return self.source.role if self.source is not None else ""

    async def listen(self) -> None:
        """Receive notifications while the process runs. When the connection is lost, connect again, with longer pauses each time."""
        pause = _SHORTEST_PAUSE
        while True:
            try:
                source: Source | None = await Listener.open(
                    self.url, self.topics, heartbeat=self._heartbeat, fanout=self._fanout
                )
                pause = _SHORTEST_PAUSE
                self._publish(source)
                self.topics.notify_missed()  # anything may have happened since the last source
                while source is not None:
                    source = await source.run()
                    if source is not None:
                        self._publish(source)
                continue  # connect at once, because no source listens now
            except LOST as error:
                log.warning("hub_connection_lost", reason=f"{type(error).__name__}: {error}")
            finally:
                self._publish(None)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _publish(self, source: Source | None) -> None:
        self.source = source
        name: Literal["live", "polling", "disconnected"] = "disconnected"
        if source is not None:
            name = "polling" if source.polling else "live"
        if name != self.state.name:
            self.state = State(name, dt.datetime.now(dt.UTC))
            log.info("hub_state_changed", state=name)
            self.topics.notify(STATE)

    async def wait_for(
        self,
        found: T,
        read: Callable[[], Awaitable[T]],
        *,
        topics: Callable[[T], Iterable[str]],
        until: Callable[[T], bool],
        again: Callable[[T], float],
        seconds: float,
    ) -> T:
        """Read until `until` accepts the result or `seconds` have passed; return the last result.

        `found` is the row that the caller has read. `topics` returns the topics of a row; when they change, the loop
        subscribes to the new ones. It subscribes before it reads, so no change is missed. It reads again when a topic
        rings, after the seconds that `again` returns, when the hub's state changes, and every 0.3 s while notifications
        may not arrive.
        """
        end, wanted = time.monotonic() + seconds, tuple(topics(found))
        while True:
            with self.topics.listening(*wanted, STATE) as bell:
                while True:
                    found = await read()
                    left = end - time.monotonic()
                    if until(found) or left <= 0:
                        return found
                    if (now := tuple(topics(found))) != wanted:
                        wanted = now
                        break
                    await self._rang(bell, min(left, again(found)))

    async def _rang(self, bell: Bell, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if await bell.wait(min(left, _POLL_WAIT)) or not self.hears:
                return
