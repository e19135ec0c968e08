"""What ran beside the floor in each second, backups and vacuums, and how much later the floor was in those seconds."""

import asyncio
import datetime as dt
import statistics
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.app_server import DEADLINE, AppServer
from tests.bench.table import Row
from tests.conftest import until

_EVERY = 0.2  # seconds between two looks
_AGAIN = 45.0  # seconds between two backups; the home looks each minute whether one is due
_LINE = 20  # seconds a line of the series
_VACUUMS = """
select coalesce(p.relid::regclass::text, regexp_replace(a.query, '^autovacuum: ', '')) from pg_stat_activity a
left join pg_stat_progress_vacuum p on p.pid = a.pid where a.backend_type = 'autovacuum worker' and a.query <> ''
"""


@dataclass(slots=True)
class Beside:
    """What ran in each second of the monotonic clock, and in how many seconds a backup was due and waited."""

    seconds: defaultdict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    waited: set[int] = field(default_factory=set)

    def of(self, began: float, second: int) -> set[str]:
        """What ran in this second of the run, which touches two of the clock, or in the one before, which may have delayed it."""
        at = int(began) + second
        return self.seconds[at - 1] | self.seconds[at] | self.seconds[at + 1]


def _file(app_server: AppServer, days: int) -> Path:
    day = dt.datetime.now(dt.UTC) - dt.timedelta(days=days)
    return app_server.home / "backups" / f"daily-{day:%Y-%m-%d}.dump"


async def first_backup(app_server: AppServer) -> None:
    """Wait for the first backup of a home, which is made however busy the machine is."""
    await until(_file(app_server, 0).exists, 3 * DEADLINE)


@asynccontextmanager
async def watched(app_server: AppServer, *, backup_after: float) -> AsyncIterator[Beside]:
    """Look on within the block; after so many seconds today's backup is due, again and again."""
    found = Beside()
    watching = asyncio.create_task(_watch(app_server, found, backup_after))
    try:
        yield found
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _watch(app_server: AppServer, found: Beside, backup_after: float) -> None:
    folder, due = app_server.home / "backups", time.monotonic() + backup_after
    today, yesterday = _file(app_server, 0), _file(app_server, 1)
    async with app_server.database() as owner:
        while True:
            now = time.monotonic()
            running = any(folder.glob("*.part"))
            if now >= due and not running and today.exists():
                due = now + _AGAIN
                today.replace(yesterday)
            if running:
                found.seconds[int(now)].add("backup")
            elif not today.exists():
                found.waited.add(int(now))
            for row in await owner.fetch(_VACUUMS):
                found.seconds[int(now)].add(f"vacuum {row[0]}")
            await asyncio.sleep(_EVERY)


def late(times: list[float]) -> float:
    """Their 99th percentile, in ms."""
    return sorted(times)[int(len(times) * 0.99)] * 1e3


def series(seen: Mapping[str, Any], beside: Beside) -> str:
    """The 99th percentile of each second, in ms: b beside a backup, v beside a vacuum."""
    by_second: defaultdict[int, list[float]] = defaultdict(list)
    for second, seconds in zip(seen["second"], seen["commit_to_bytes"], strict=True):
        by_second[second].append(seconds)
    cells = []
    for second in sorted(by_second):
        ran = {what[0] for what in beside.of(seen["began"], second)}
        cells.append(f"{late(by_second[second]):.0f}{''.join(sorted(ran))}".rjust(6))
    first = min(by_second, default=0)
    return "\n".join(
        f"{first + at:5} s{''.join(cells[at : at + _LINE])}" for at in range(0, len(cells), _LINE)
    )


def row(name: str, seen: Mapping[str, Any], beside: Beside, needed: Collection[str]) -> Row:
    """How late the median second is in which something ran beside the floor, against those in which nothing did.

    A second counts with its 99th percentile. The median, since a second of another cause is on either side.
    `needed` names what must have run ("backup", "vacuum"), or the row says that nothing was measured.
    """
    by_second: defaultdict[int, list[float]] = defaultdict(list)
    for second, seconds in zip(seen["second"], seen["commit_to_bytes"], strict=True):
        by_second[second].append(seconds)
    found: defaultdict[str, list[float]] = defaultdict(list)
    for second, times in by_second.items():
        ran = {what.partition(" ")[0] for what in beside.of(seen["began"], second)}
        for kind in {*ran, "busy"} if ran else {"quiet"}:
            found[kind].append(late(times))
    middle = {kind: statistics.median(times) for kind, times in found.items()}
    if not {"quiet", *needed} <= middle.keys():
        return Row(name, "≤ 1.3", "not measured", f"there were only {', '.join(middle)} seconds", True)
    ratio = middle["busy"] / middle["quiet"]
    kinds = ", ".join(
        f"{len(found[kind])} {kind} {middle[kind]:.0f} ms"
        for kind in ("quiet", "backup", "vacuum")
        if kind in found
    )
    waited = f"; a backup was put off for {len(beside.waited)} s" if beside.waited else ""
    return Row(
        name,
        "≤ 1.3",
        f"{ratio:.2f}",
        f"median of the seconds' p99: {kinds}{waited}",
        ratio > 1.3,
        {"ratio": ratio, "quiet_p99": middle["quiet"]},
    )
