"""A contact centre of 200 supervisors: how fresh their pages are, what watching costs, and whether decisions wait."""

import asyncio
import socket
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from tests.app_server import AppServer
from tests.bench import floor, population
from tests.bench.table import Row, ratio, table
from tests.conftest import a_folder, free_port, serving

SUPERVISORS, INTERACTIONS = 200, 600
ROUNDS = 3
_BARE = """
create table if not exists public.bare (n bigint, payload text);
create or replace function public.bare_ring() returns trigger language plpgsql as
  $$ begin perform pg_notify('bare', new.n || ' ' || new.payload); return null; end $$;
create or replace trigger bare_ring after insert on public.bare for each row execute function public.bare_ring();
"""


async def run(short: bool) -> list[Row]:
    """Rounds of each kind by turns, on one server; ratios within a round."""
    rounds, seconds = (1, 3.0) if short else (ROUNDS, 10.0)
    supervisors, interactions = (10, 30) if short else (SUPERVISORS, INTERACTIONS)
    with a_folder() as folder, serving(folder / "home", free_port(), **floor.PEOPLE) as app_server:
        everybody = await population.create(app_server, supervisors, 0, interactions)
        # Not measured: templates are compiled, and each connection plans each question for the first time.
        await _measure(app_server, folder, everybody, seconds, permissions=10)
        await _measure(app_server, folder, everybody, seconds / 2, watch="poll")
        pushed, polled, alone, quiet, busy = [], [], [], [], []
        bare: list[list[float]] = []
        for _ in range(rounds):
            pushed.append(await _measure(app_server, folder, everybody, seconds))
            bare.append(await _listener(app_server, interactions / floor.EVERY, seconds))
            polled.append(await _measure(app_server, folder, everybody, seconds, watch="poll"))
            alone.append(await _measure(app_server, folder, everybody, seconds, watch="nobody"))
            quiet.append(
                await _measure(app_server, folder, everybody, seconds * 2, permissions=10, posts=False)
            )
            busy.append(
                await _measure(
                    app_server, folder, everybody, seconds * 2, permissions=10, every=interactions / 1_000
                )
            )
    for one in pushed:
        assert one.seen["never_seen"] == 0, f"{one.seen['never_seen']} never seen"
    for one in (*pushed, *polled, *alone, *quiet, *busy):
        assert one.seen["accepted"] == one.seen["sent"], one.seen["refused"]
        assert not one.seen["lost_permissions"], one.seen["lost_permissions"]
    return [_fresh(pushed, bare), *_polling(pushed, polled, alone), _decisions(quiet, busy)]


async def _measure(
    app_server: AppServer,
    folder: Path,
    everybody: population.Population,
    seconds: float,
    permissions: float = 0,
    every: float = floor.EVERY,
    **more: Any,
) -> floor.Run:
    what = floor.plan(app_server, everybody, seconds, permissions, every=every, **more)
    return await floor.simulate(app_server, folder, what)


async def _listener(app_server: AppServer, rate: float, seconds: float) -> list[float]:
    """The lower bound: a row is inserted, and a LISTEN connection writes its notification to a socket. Seconds."""
    arrived: dict[int, float] = {}
    async with (
        app_server.database("supabase_admin") as writer,
        app_server.database("supabase_admin") as listener,
    ):
        await writer.execute(_BARE)
        ends = socket.socketpair()
        reader, near = await asyncio.open_connection(sock=ends[0])
        _, to_reader = await asyncio.open_connection(sock=ends[1])

        def heard(_connection: object, _pid: int, _channel: str, payload: object) -> None:
            to_reader.write(f"{payload}\n".encode())

        await listener.add_listener("bare", heard)

        async def read() -> None:
            while line := await reader.readline():
                arrived[int(line.split()[0])] = time.monotonic()

        reading = asyncio.create_task(read())
        sent: dict[int, float] = {}
        start = time.monotonic()
        for n in range(int(seconds * rate)):
            await asyncio.sleep(max(0.0, start + n / rate - time.monotonic()))
            sent[n] = time.monotonic()
            await writer.execute("insert into public.bare values ($1, $2)", n, "The customer asks. " * 10)
        await asyncio.sleep(0.5)
        await writer.execute("truncate public.bare")
        reading.cancel()
        to_reader.close()
        near.close()
    assert len(arrived) == len(sent), "the bare listener lost something"
    return [arrived[n] - at for n, at in sent.items()]


def _fresh(pushed: list[floor.Run], bare: list[list[float]]) -> Row:
    ours = [floor.cuts(one.seen["to_bytes"]) for one in pushed]
    theirs = [floor.cuts(one) for one in bare]
    middle, late = (statistics.median(one[n] for one in ours) for n in (0, 1))
    times, least, most = ratio([one[0] for one in ours], [one[0] for one in theirs])
    return Row(
        f"{INTERACTIONS} interactions, {SUPERVISORS} supervisors: call → bytes",
        "p50 ≤ 30 ms, p99 ≤ 80 ms",
        f"p50 {middle:.1f} ms, p99 {late:.1f} ms",
        f"p50 is {times:.1f} times a bare listener's ({least:.1f} to {most:.1f}); its p99 {statistics.median(one[1] for one in theirs):.1f} ms",
        middle > 30 or late > 80,
        {"p50": middle, "p99": late, "ratio": times},
    )


def _polling(pushed: list[floor.Run], polled: list[floor.Run], alone: list[floor.Run]) -> list[Row]:
    def cost(one: floor.Run) -> float:
        return (one.web + one.postgres) / one.seconds

    with_streams = [cost(a) - cost(b) for a, b in zip(pushed, alone, strict=True)]
    with_polling = [cost(a) - cost(b) for a, b in zip(polled, alone, strict=True)]
    share, least, most = ratio(with_streams, with_polling)
    stale = [floor.cuts(one.seen["to_bytes"])[0] for one in polled]
    times, fewest, best = ratio(stale, [floor.cuts(one.seen["to_bytes"])[0] for one in pushed])
    return [
        Row(
            "CPU a watching supervisor, beside polling each second",
            "≤ 0.25",
            f"{share:.2f}",
            f"{least:.2f} to {most:.2f}; {statistics.median(with_streams) * 1000 / SUPERVISORS:.2f} ms a second",
            share > 0.25,
            {"ratio": share},
        ),
        Row(
            "freshness beside polling each second",
            "≥ 50 times",
            f"{times:.0f} times",
            f"{fewest:.0f} to {best:.0f}; polled p50 {statistics.median(stale):.0f} ms",
            times < 50,
            {"ratio": times},
        ),
    ]


def _decisions(quiet: list[floor.Run], busy: list[floor.Run]) -> Row:
    calm = [floor.cuts(one.seen["decisions"]) for one in quiet]
    storm = [floor.cuts(one.seen["decisions"]) for one in busy]
    times, least, most = ratio([one[1] for one in storm], [one[1] for one in calm])
    return Row(
        "decision → agent's answer under 1,000 metrics/s",
        "p99 ≤ 1.5 times quiet",
        f"{times:.2f} times",
        f"{least:.2f} to {most:.2f}; p99 quiet {statistics.median(one[1] for one in calm):.1f} ms, busy {statistics.median(one[1] for one in storm):.1f} ms",
        times > 1.5,
        {"ratio": times},
    )


if __name__ == "__main__":
    print(table(asyncio.run(run(short="short" in sys.argv))))
