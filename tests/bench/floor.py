"""The whole floor: simulated agents through the API, simulated browsers, one real server with its own PostgreSQL.

    python -m tests.bench.floor [SECONDS]

By one web process, and by two of them: agents call the one, browsers watch the other. Backups are due all the time: beside the whole floor they wait, beside a quarter of it they run. The one process is killed (-9) in
the middle of a run, started again, and has to heal: browsers come back by themselves, and what was answered before stands.
"""

import asyncio
import json
import re
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.app_server import AppServer
from tests.auth_process import hosted
from tests.bench import beside, population, processes
from tests.bench.simulation import Plan
from tests.bench.table import Row, table
from tests.children import ending_with_us
from tests.conftest import ROOT, a_folder, free_port, serving

EVERY = 5.0  # seconds between two metrics of one interaction
WARM = 15.0  # seconds during which everybody connects; measurements begin afterwards
MEMORY = 1024  # MB in all
_KEPT = """select (select count(*) from realtime_metrics where feed_text like '%@%@') as stored,
  count(*) filter (where status in ('allowed', 'denied')) as decided, count(execution_id) as executed
from tool_permissions"""
RUNS = (
    ("whole floor", 2, 1.0),
    ("whole floor, one web process", 1, 1.0),
    ("a quarter of the floor", 2, 0.25),
)
PEOPLE = {"REAP_SECONDS": "86400", "DEMO": "0"}


@dataclass(frozen=True, slots=True)
class Run:
    """What the simulation saw, and what it cost: seconds of CPU, MB."""

    seen: dict[str, Any]
    web: float
    postgres: float
    client: float
    seconds: float
    megabytes: float
    pages: float  # seconds of CPU of the web process that browsers watch, where that is another one
    stored: int  # metrics, as the database has them
    decided: int
    executed: int
    healed: float = 0.0  # seconds from the kill to the last browser that is back


@contextmanager
def second(first: AppServer, folder: Path) -> Iterator[AppServer]:
    """One more web process of the same floor, which shares nothing with the first but PostgreSQL and Auth."""
    environment = hosted(
        first,
        DATABASE_URL=first.database_url("floorwalker_web"),
        SECRET_KEY=(first.home / "secret-key").read_text(),
    )
    with serving(folder / "second", free_port(), **PEOPLE, **environment) as app_server:
        yield app_server


def plan(
    app_server: AppServer,
    everybody: population.Population,
    seconds: float,
    permissions: float,
    every: float = EVERY,
    watched: AppServer | None = None,
    **more: Any,
) -> Plan:
    """All of these people and agents, for so long, with so many tool permissions a second."""
    host, _, port = app_server.url.removeprefix("http://").partition(":")
    watched = watched or app_server
    return Plan(
        host,
        int(port),
        int(watched.url.rpartition(":")[2]),
        watched.cookie,
        [(str(one.id), one.cookie) for one in everybody.supervisors],
        [one.cookie for one in everybody.admins],
        [(one.key, str(one.supervisor), str(one.interaction)) for one in everybody.workers],
        every,
        seconds,
        min(WARM, seconds / 4),
        permissions,
        **more,
    )


async def simulate(
    app_server: AppServer, folder: Path, what: Plan, *, kill: bool = False, watched: AppServer | None = None
) -> Run:
    """Run the simulation beside the app server; with `kill`, its web process dies in the middle and comes back."""
    (folder / "plan.json").write_text(json.dumps(asdict(what)))
    client = subprocess.Popen(  # noqa: ASYNC220 - it starts in a moment, and what it says is read in a thread
        [
            sys.executable,
            "-m",
            "tests.bench.simulation",
            str(folder / "plan.json"),
            str(folder / "result.json"),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        preexec_fn=ending_with_us(signal.SIGKILL),  # noqa: PLW1509
    )
    assert client.stdout is not None
    try:
        await asyncio.to_thread(client.stdout.readline)  # all streams are open
        healed = 0.0
        with ExitStack() as again:
            began, before = time.monotonic(), _cost(app_server, client.pid, watched)
            if kill:
                await asyncio.sleep(what.seconds / 2)
                app_server, healed = await _kill(app_server, len(what.supervisors) + len(what.admins), again)
                began, before = time.monotonic(), _cost(app_server, client.pid, watched)
                await asyncio.sleep(what.seconds / 2 - healed - 5)
            else:
                await asyncio.sleep(what.seconds - 1)
            after, seconds = _cost(app_server, client.pid, watched), time.monotonic() - began
            megabytes = sum(processes.memory(one.process.pid) for one in (app_server, watched) if one) / 1024
            assert await asyncio.to_thread(client.wait, 120) == 0, "the simulation failed"
            async with app_server.database() as owner:
                kept = await owner.fetchrow(_KEPT)
    finally:
        client.kill()
        client.wait()
        client.stdout.close()
    web, postgres, load, pages = (b - a for a, b in zip(before, after, strict=True))
    seen = json.loads((folder / "result.json").read_text())
    return Run(seen, web, postgres, load, seconds, megabytes, pages, **dict(kept or {}), healed=healed)


def _cost(app_server: AppServer, client: int, watched: AppServer | None) -> tuple[float, float, float, float]:
    web = processes.own_cpu(app_server.process.pid)
    pages = processes.own_cpu(watched.process.pid) if watched else 0.0
    return web, processes.cpu(app_server.process.pid) - web, processes.own_cpu(client), pages


async def _kill(app_server: AppServer, streams: int, stack: ExitStack) -> tuple[AppServer, float]:
    app_server.process.kill()
    app_server.process.wait()
    began = time.monotonic()
    port = int(app_server.url.rpartition(":")[2])
    again = await asyncio.to_thread(lambda: stack.enter_context(serving(app_server.home, port, **PEOPLE)))
    while time.monotonic() - began < 60:
        if await asyncio.to_thread(_streams, again.url) >= streams:
            break
        await asyncio.sleep(0.1)
    return again, time.monotonic() - began


def _streams(url: str) -> float:
    found = re.search(r"(?m)^floorwalker_streams (\S+)", httpx.get(f"{url}/metrics", timeout=30).text)
    return float(found[1]) if found else 0.0


def check(run: Run, *, killed: bool = False) -> None:
    """Raise when something was lost, stored twice, or refused."""
    seen = run.seen
    if killed:  # the simulated agents do not repeat requests
        assert run.decided >= seen["decided"], "a decision that was answered is not there"
        assert run.executed >= seen["executed"], "an execution that was answered is not there"
    else:
        assert not seen["lost_permissions"], seen["lost_permissions"][:5]
        assert seen["executed"] == seen["decided"] == seen["asked"], "a decision or its execution is missing"
    assert run.stored >= seen["accepted"], f"{seen['accepted']} accepted and {run.stored} stored"
    if not killed:
        assert run.stored == seen["accepted"] == seen["sent"], seen["refused"]
        assert seen["never_seen"] == 0, f"{seen['never_seen']} never seen by their supervisor"
        assert seen["cut"] == 0, f"{seen['cut']} streams were cut"


def cuts(seconds: Sequence[float]) -> tuple[float, float, float]:
    """Median, 99th percentile and most, in ms."""
    found = sorted(seconds)
    return statistics.median(found) * 1e3, found[int(len(found) * 0.99)] * 1e3, found[-1] * 1e3


async def run(short: bool, seconds: float = 300) -> list[Row]:
    """10,000 interactions, 3,400 supervisors, 50 admins for five minutes; short: 60, 20 and 2 for six seconds."""
    supervisors, admins, interactions = (20, 2, 60) if short else (3_400, 50, 10_000)
    permissions = 2.0 if short else 10.0
    rows = []
    with a_folder() as folder, serving(folder / "home", free_port(), **PEOPLE) as app_server:
        everybody = await population.create(app_server, supervisors, admins, interactions)
        if not short:
            await beside.first_backup(app_server)
        for name, servers, share in RUNS[: 2 if short else None]:
            with ExitStack() as stack:
                other = stack.enter_context(second(app_server, folder)) if servers == 2 else None
                some = population.part(everybody, share)
                what = plan(app_server, some, 6 if short else seconds, permissions, watched=other)
                async with beside.watched(app_server, backup_after=seconds / 4) as ran:
                    steady = await simulate(app_server, folder, what, watched=other)
            check(steady)
            rows.append(_row(name, steady, judged=other is not None))
            if other is not None and not short:
                print(beside.series(steady.seen, ran))
                needed = ("vacuum",) if share == 1 else ("backup", "vacuum")
                rows.append(
                    beside.row(f"{name}: p99 beside a backup or a vacuum, to quiet", steady.seen, ran, needed)
                )
            print(table(rows), flush=True)
            async with app_server.database() as owner:  # removed before the next run
                await owner.execute("delete from realtime_metrics; delete from tool_permissions")
    if not short:
        with a_folder() as folder, serving(folder / "home", free_port(), **PEOPLE) as app_server:
            everybody = await population.create(app_server, supervisors, admins, interactions)
            killed = await simulate(
                app_server, folder, plan(app_server, everybody, 60, permissions), kill=True
            )
            check(killed, killed=True)
            rows.append(
                Row(
                    "whole floor, web process killed (-9)",
                    "heals",
                    f"all {supervisors + admins:,} streams back after {killed.healed:.1f} s",
                    f"{killed.seen['accepted']:,} accepted, {killed.stored:,} stored, "
                    f"{killed.seen['decided']} decided, {killed.seen['executed']} executed",
                    short=False,
                    numbers={"healed": killed.healed},
                )
            )
    return rows


def _row(name: str, run: Run, *, judged: bool) -> Row:
    middle, late, most = cuts(run.seen["to_bytes"])
    commit = cuts(run.seen["commit_to_bytes"])
    decision = cuts(run.seen["decisions"])
    rate = run.seen["accepted"] / (run.seconds + 1)
    return Row(
        name,
        "commit → bytes p99 ≤ 250 ms, ≤ 1 GB, nothing lost" if judged else "",
        f"commit → bytes p99 {commit[1]:.0f} ms, {run.megabytes:.0f} MB, "
        f"{len(run.seen['lost_permissions'])} of {run.seen['asked']} permissions lost",
        f"call → bytes p50 {middle:.0f}, p99 {late:.0f}, most {most:.0f} ms; {rate:,.0f} metrics/s; decision p99 {decision[1]:.0f} ms; "
        f"cores: web {run.web / run.seconds:.2f} and {run.pages / run.seconds:.2f}, PostgreSQL {run.postgres / run.seconds:.2f}, client {run.client / run.seconds:.2f}",
        (commit[1] > 250 or run.megabytes > MEMORY) if judged else None,
        {
            "commit_p99": commit[1],
            "call_p50": middle,
            "call_p99": late,
            "megabytes": run.megabytes,
            "web": (run.web + run.pages) / run.seconds,
            "postgres": run.postgres / run.seconds,
        },
    )


if __name__ == "__main__":
    print(table(asyncio.run(run(short=False, seconds=float(sys.argv[1]) if len(sys.argv) > 1 else 300))))
