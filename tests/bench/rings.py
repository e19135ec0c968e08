"""Whether a ring costs more with more audiences or more stored rows."""

import asyncio
import statistics
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

from tests.app_server import AppServer
from tests.bench import floor, population
from tests.bench.table import Row, table
from tests.conftest import a_folder, free_port, serving

AUDIENCES = (10, 1_000, 3_400)
ROUNDS = 3
RATE = 40.0  # metrics a second, however many watch: four a second of each of ten is below every throttle


async def run(short: bool) -> list[Row]:
    """The same forty metrics a second, rung for more and more audiences; what either costs without the other is taken off."""
    audiences, rounds, seconds = ((2, 20), 1, 3.0) if short else (AUDIENCES, ROUNDS, 10.0)
    costs: dict[int, list[float]] = {count: [] for count in audiences}
    with a_folder() as folder, serving(folder / "home", free_port(), **floor.PEOPLE) as app_server:
        everybody = await population.create(app_server, audiences[-1], 0, audiences[-1] * 3)
        for _ in range(rounds):
            for count in audiences:
                costs[count].append(await _cost(app_server, folder, everybody, count, seconds))
    few, many = (statistics.median(costs[count]) for count in (audiences[0], audiences[-1]))
    return [
        Row(
            f"CPU a ring with {audiences[-1]:,} audiences, beside {audiences[0]}",
            "flat (≤ 1.25)",
            f"{many / few:.2f}",
            ", ".join(f"{count:,}: {statistics.median(costs[count]) * 1e6:.0f} µs" for count in audiences),
            many / few > 1.25,
            {"ratio": many / few},
        )
    ]


async def _cost(
    app_server: AppServer, folder: Path, everybody: population.Population, count: int, seconds: float
) -> float:
    """Seconds of CPU a ring, of the web process and PostgreSQL."""
    watchers = everybody.supervisors[:count]
    mine = {one.id for one in watchers}
    workers = [one for one in everybody.workers if one.supervisor in mine]
    some = replace(everybody, supervisors=watchers, workers=workers)
    found = {}
    for watch, posts in product(("stream", "nobody"), (True, False)):
        what = floor.plan(app_server, some, seconds, 0, every=len(workers) / RATE, watch=watch, posts=posts)
        one = await floor.simulate(app_server, folder, what)
        assert one.seen["accepted"] == one.seen["sent"], one.seen["refused"]
        assert watch == "nobody" or not one.seen["never_seen"], one.seen["never_seen"]
        found[watch, posts] = (one.web + one.postgres) / one.seconds
    streams, metrics = (
        found["stream", False],
        found["nobody", True],
    )  # without streams and metrics: twice what an idle server uses
    return (found["stream", True] + found["nobody", False] - streams - metrics) / RATE


if __name__ == "__main__":
    print(table(asyncio.run(run(short="short" in sys.argv))))
