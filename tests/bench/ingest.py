"""Metrics through the API in lists of 100, stored and notified, beside the same without notifications."""

import asyncio
import json
import statistics
import sys
import time

import uvloop

from server.embedded.postgres import SUPERUSER
from tests.app_server import AppServer
from tests.bench import floor, population
from tests.bench.caller import Caller
from tests.bench.table import Row, ratio, table
from tests.conftest import a_folder, free_port, serving

LIST = 100
CALLERS = 40
ROUNDS = 5
_RING = "alter table public.realtime_metrics {} trigger realtime_metrics_60_ring_insert"


async def run(short: bool) -> list[Row]:
    """Forty agents send lists as fast as they are taken, by turns with and without the trigger that rings."""
    rounds, seconds = (1, 1.5) if short else (ROUNDS, 6.0)
    rung, silent = [], []
    with a_folder() as folder, serving(folder / "home", free_port(), **floor.PEOPLE) as app_server:
        everybody = await population.create(app_server, CALLERS, 0, CALLERS)
        for _ in range(rounds):
            rung.append(await _send(app_server, everybody, seconds))
            async with app_server.database(SUPERUSER) as owner:
                await owner.execute(_RING.format("disable"))
                silent.append(await _send(app_server, everybody, seconds))
                await owner.execute(_RING.format("enable"))
    share, least, most = ratio(rung, silent)
    rate = statistics.median(rung)
    return [
        Row(
            "metrics through the API in lists of 100",
            "≥ 0.85 of the rate without a signal, ≥ 20,000/s",
            f"{share:.2f}, {rate:,.0f}/s",
            f"{least:.2f} to {most:.2f}",
            share < 0.85 or rate < 20_000,
            {"ratio": share, "rate": rate},
        )
    ]


async def _send(app_server: AppServer, everybody: population.Population, seconds: float) -> float:
    """Metrics a second; each of them stored, and once."""
    host, _, port = app_server.url.removeprefix("http://").partition(":")
    async with app_server.database() as owner:
        before = await owner.fetchval("select count(*) from realtime_metrics")
        began = time.monotonic()
        sent = sum(
            await asyncio.gather(
                *(_agent(host, int(port), worker, began + seconds) for worker in everybody.workers)
            )
        )
        took = time.monotonic() - began
        stored = await owner.fetchval("select count(*) from realtime_metrics") - before
    assert stored == sent, f"{sent} accepted and {stored} stored"
    return sent / took


async def _agent(host: str, port: int, worker: population.Worker, until: float) -> int:
    caller = Caller(host, port)
    one = {
        "sentiment": "good",
        "satisfaction_score": 80,
        "feed_text": "The customer asks where the order is.",
    }
    body = json.dumps([one] * LIST).encode()
    request = (
        f"POST /api/v1/interactions/{worker.interaction}/metrics HTTP/1.1\r\nHost: {host}:{port}\r\n"
        f"Authorization: Bearer {worker.key}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    sent = 0
    while time.monotonic() < until:
        status, answer = await caller.call(request)
        assert status == 202, answer
        sent += LIST
    assert caller.transport is not None
    caller.transport.close()
    return sent


if __name__ == "__main__":
    uvloop.install()
    print(table(asyncio.run(run(short="short" in sys.argv))))
