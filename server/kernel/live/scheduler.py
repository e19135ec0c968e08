"""When audiences that rang are read: lanes that keep slow reads from delaying urgent ones, and throttles.

A ring after a pause is read at once. After a read, the task waits three times as long as the read took, 25 ms at most
(stream.TICK), and the audiences that ring meanwhile share the next round trip: the busier the server, the more of them.
Each round trip wakes four processes, which at 120 metrics/s costs more than the work itself (2026-11-23). The Recorder of
interactions/realtime_metrics.py stores metrics by the same rule. A floor may be read four times at once and then every
200 ms: three agents never reach that limit, a burst does.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

BATCH = 100  # audiences per round trip
BURST = 4  # reads that may follow each other at once after a pause


class Waits(Protocol):
    """What a lane needs to know of what it reads."""

    urgent_pending: bool  # whether something urgent has rung since the last read
    reading: bool  # a read is under way, and an older result must not arrive after a newer one


W = TypeVar("W", bound=Waits)


@dataclass(slots=True)
class Throttle:
    """A leaky bucket (GCRA, ITU-T I.371): `burst` reads at once after a pause, then one per `every` seconds."""

    every: float
    burst: int
    open_at: float = 0.0

    def take(self, now: float) -> None:
        """Count one read."""
        earned = max(self.open_at, now - (self.burst - 1) * self.every) + self.every
        # An early read for something urgent leaves no debt.
        self.open_at = min(earned, now + self.every)


class Lane(Generic[W]):
    """The audiences that the same tasks read. There are two lanes, so that quick reads never wait for a wallboard."""

    def __init__(self) -> None:
        self.due: dict[W, float] = {}  # not before this monotonic time
        self._idle: list[asyncio.Future[None]] = []  # tasks that wait for something to read
        self._resting: list[asyncio.Future[None]] = []

    def ring(self, watched: W, at: float) -> None:
        """Have it read, not before the monotonic time `at`."""
        self.due[watched] = min(self.due.get(watched, at), at)
        self.wake()
        if watched.urgent_pending:
            for one in self._resting:
                _wake(one)

    def wake(self) -> None:
        """Wake one of the waiting tasks; the others would find nothing to read."""
        if self._idle:
            _wake(self._idle.pop())

    def ready(self, now: float) -> list[W]:
        """The audiences to read now. Urgent ones are read alone, so that a tool permission does not wait for a hundred floors."""
        free = [watched for watched, at in self.due.items() if at <= now and not watched.reading]
        found = [watched for watched in free if watched.urgent_pending] or free
        return sorted(found, key=self.due.__getitem__)[:BATCH]

    async def wait(self, now: float) -> None:
        """Wait until something rings or becomes due."""
        times = [at for watched, at in self.due.items() if not watched.reading]
        await _wait(self._idle, min(times) - now if times else None)

    async def rest(self, seconds: float) -> None:
        """Wait for others to share the next read; something urgent ends the wait."""
        now = time.monotonic()
        if any(
            watched.urgent_pending and at <= now and not watched.reading for watched, at in self.due.items()
        ):
            return
        await _wait(self._resting, seconds)


async def _wait(waiters: list[asyncio.Future[None]], seconds: float | None) -> None:
    """Wait until woken, or until so many seconds have passed.

    1.9 times as fast as an Event and asyncio.timeout (bench optimisations).
    """
    loop = asyncio.get_running_loop()
    waiter = loop.create_future()
    waiters.append(waiter)
    timer = loop.call_later(seconds, _wake, waiter) if seconds is not None else None
    try:
        await waiter
    finally:
        if timer is not None:
            timer.cancel()
        if waiter in waiters:
            waiters.remove(waiter)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
