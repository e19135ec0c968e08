"""Realtime metrics: those that arrive within some milliseconds from all agents are stored by one statement and one commit.

The first metric waits 2 ms for others. After a statement, the next one starts after a pause of three times its duration, 20 ms
at most; metrics that arrive in the pause share a statement. So a quiet server stores at once, and a busy one stores more rows
per statement. Each commit wakes four processes, which at 120 metrics per second cost more than the work itself (2026-11-23).
"""

import asyncio
import datetime as dt
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from typing import Literal
from uuid import UUID

from server.errors import Unavailable
from server.kernel.db import Database, KeptConnection

GATHER = 0.02  # seconds at most
_FIRST_WAIT = 0.002  # seconds that a metric waits for others to share its statement
_PAUSE_FACTOR = 3.0  # the pause after a statement is this many times as long as the statement, within GATHER
ROWS = 100  # rows that end the wait sooner
_BATCH = 500  # rows after which a statement accepts no more requests
_ANSWERS = 10  # requests answered without a pause, which takes less than a millisecond
_QUEUE = 20_000  # rows that may wait; more are refused, so that memory stays bounded

Outcome = Literal["stored", "merged", "duplicate", "ended", "unknown", "invalid"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One row: its interaction, the agent that sent it, and the values."""

    agent_id: UUID
    interaction_id: UUID
    captured_at: dt.datetime
    sentiment: str | None
    satisfaction_score: float | None
    feed_text: str | None


class Recorder:
    """Collects metrics and stores them. Each row gets its own outcome after the commit."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: deque[tuple[Sequence[Metric], asyncio.Future[list[Outcome]]]] = deque()
        self._rows = 0  # rows that wait
        self.arrived = asyncio.Event()
        self._full = asyncio.Event()
        self._urgent = 0  # transactions for which a person or an agent waits
        self._free = asyncio.Event()
        self._last_stamp = dt.datetime.min.replace(tzinfo=dt.UTC)

    def stamps(self, count: int) -> list[dt.datetime]:
        """Moments for items that came without one: now, and 1 µs more for each, never the same twice."""
        tick = dt.timedelta(microseconds=1)
        first = max(dt.datetime.now(dt.UTC), self._last_stamp + tick)
        self._last_stamp = first + tick * (count - 1)
        return [first + tick * n for n in range(count)]

    async def record(self, metrics: Sequence[Metric]) -> list[Outcome]:
        """Store these rows; return their outcomes in order. Unavailable when too many rows wait."""
        if self._rows + len(metrics) > _QUEUE:
            raise Unavailable("more metrics arrive than can be stored, please try again", 1)
        outcomes: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
        self._waiting.append((metrics, outcomes))
        self._rows += len(metrics)
        self.arrived.set()
        if self._rows >= ROWS:
            self._full.set()
        return await outcomes

    @contextmanager
    def giving_way(self) -> Iterator[None]:
        """Delay new statements of metrics, 20 ms at most, while a decision is written.

        PostgreSQL commits transactions that notify one by one, so the decision would wait for them.
        """
        self._urgent += 1
        self._free.clear()
        try:
            yield
        finally:
            self._urgent -= 1
            if not self._urgent:
                self._free.set()

    async def run(self) -> None:
        """Store the rows that wait, while the process runs."""
        ready = 0.0  # monotonic time of the next statement
        async with self._db.kept_connection() as connection:
            while True:
                await self.arrived.wait()
                await self._gather(ready)
                began = time.monotonic()
                await self._store(self._take(), connection)
                ended = time.monotonic()
                ready = ended + min((ended - began) * _PAUSE_FACTOR, GATHER)

    async def _gather(self, until: float) -> None:
        if not self._full.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(max(until - time.monotonic(), _FIRST_WAIT)):
                    await self._full.wait()
        if self._urgent:
            with suppress(TimeoutError):
                async with asyncio.timeout(GATHER):
                    await self._free.wait()

    def _take(self) -> list[tuple[Sequence[Metric], asyncio.Future[list[Outcome]]]]:
        batch, rows = [], 0
        while self._waiting and rows < _BATCH:
            batch.append(self._waiting.popleft())
            rows += len(batch[-1][0])
        self._rows -= rows
        if not self._waiting:
            self.arrived.clear()
        if self._rows < ROWS:
            self._full.clear()
        return batch

    async def _store(
        self, batch: list[tuple[Sequence[Metric], asyncio.Future[list[Outcome]]]], connection: KeptConnection
    ) -> None:
        metrics = [metric for some, _ in batch for metric in some]
        try:
            rows = await connection.call(
                "select outcome from private.record_metrics($1, $2, $3, $4, $5, $6) as outcome",
                [m.agent_id for m in metrics],
                [m.interaction_id for m in metrics],
                [m.captured_at for m in metrics],
                [m.sentiment for m in metrics],
                [m.satisfaction_score for m in metrics],
                [m.feed_text for m in metrics],
            )
        except Exception as error:  # noqa: BLE001 - the requests that wait get every error
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        outcomes = iter(row["outcome"] for row in rows)
        for number, (some, future) in enumerate(batch):
            if number % _ANSWERS == _ANSWERS - 1:
                await asyncio.sleep(0)  # so that a decision does not wait for all answers of a large batch
            mine = list(islice(outcomes, len(some)))
            if not future.done():
                future.set_result(mine)
