"""The hub: keeps a source of notifications, says how well it hears, and is the one way to wait for rows."""

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
_DEAF_WAIT = 0.3  # seconds between two looks of who waits, while notifications may not arrive

log = structlog.get_logger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class State:
    """Whether notifications arrive (live), everything is looked at by the clock (polling), or neither; and since when."""

    name: Literal["live", "polling", "disconnected"]
    since: dt.datetime

    @property
    def connected(self) -> bool:
        """Whether changes reach this process, at once or by the clock."""
        return self.name != "disconnected"


class Hub:
    """Notifies topics of what PostgreSQL notifies, by the source that there is at the moment.

    Sources: a LISTEN connection, or with a fan-out a leader's, whose notifications the others follow over NATS and close
    their own. When one gives way to another, everything is notified as perhaps missed.
    """

    def __init__(self, url: str, *, heartbeat: float = HEARTBEAT, fanout: "Fanout | None" = None) -> None:
        self.url, self._heartbeat, self._fanout = url, heartbeat, fanout
        self.topics = Topics()
        self.source: Source | None = None
        self.state = State("disconnected", dt.datetime.now(dt.UTC))

    @property
    def hears(self) -> bool:
        """Whether notifications arrive, as far as anybody can know: a source that stands still is noticed."""
        return self.source is not None and self.source.hears

    @property
    def role(self) -> str:
        """Of its source: listener, leader or follower; nothing while there is none."""
        return self.source.role if self.source is not None else ""

    async def listen(self) -> None:
        """Receive notifications for as long as the process lives; connects again, with longer pauses, when the connection is lost."""
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
                continue  # at once: nobody hears for us now
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
        """Read whenever what was `found` may have changed, until that is enough or so many seconds have passed; the last.

        What is read names its topics: where these are others than before, they are subscribed to. After `again` seconds it is
        read though nothing was notified, sooner where notifications may not arrive, and when the hub's state changes.
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
            if await bell.wait(min(left, _DEAF_WAIT)) or not self.hears:
                return
