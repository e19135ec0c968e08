"""Fan-out: what a delivery and a stream cost, beside nginx with nchan and beside sse-starlette's own response."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from server.embedded.postgres import SUPERUSER
from server.kernel.live.stream import TICK
from tests.app_server import AppServer
from tests.bench import population
from tests.bench.load import Load, loading
from tests.bench.processes import cpu, memory
from tests.bench.table import Row, ratio, table
from tests.children import ending_with_us
from tests.conftest import a_folder, free_port, serving

ROUNDS = 5
_FIRST = 5  # streams before the first measurement; the memory they free is used again by those that count
NGINX, NCHAN = Path("/usr/sbin/nginx"), Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
_NGINX = """
load_module {module};
daemon off; worker_processes 1; worker_rlimit_nofile 16384; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 100000000; nchan_shared_memory_size 256M;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = /sub {{ nchan_subscriber eventsource; nchan_channel_id feed; nchan_subscriber_first_message newest; }}
    location = /pub {{ nchan_publisher http; nchan_channel_id feed; nchan_message_buffer_length 20000; nchan_message_timeout 20s; }}
  }}
}}
"""


@dataclass(slots=True)
class Peer:
    """A server of the feed, and the load client that reads it."""

    name: str
    process: asyncio.subprocess.Process
    load: Load
    port: int
    publish_port: int
    how: str
    published: int = 0
    cpu: dict[str, list[float]] = field(default_factory=dict)  # µs a delivery, of each round
    kilobytes: float = 0.0

    async def open(self, count: int) -> None:
        await self.load("open", port=self.port, paths=["/sub"], cookies=[], count=count, fresh="\r\n\r\n")

    async def round(self, what: str, rate: float, count: int) -> None:
        """Publish; every event has to reach every reader once."""
        before = cpu(self.process.pid)
        found = await self.load(
            "publish", port=self.publish_port, how=self.how, rate=rate, first=self.published, count=count
        )
        spent = cpu(self.process.pid) - before
        self.published += count
        assert found["delivered"] == found["expected"], f"{self.name}, {what}: {found}"
        assert found["uneven"] == 0, f"{self.name}, {what}: {found}"
        self.cpu.setdefault(what, []).append(spent / found["delivered"] * 1e6)


@asynccontextmanager
async def _running(*command: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(*command, preexec_fn=ending_with_us(signal.SIGTERM))
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@asynccontextmanager
async def _peer(name: str, folder: Path) -> AsyncIterator[Peer]:
    port, raw_port = free_port(), free_port()
    if name == "nchan":
        configuration = folder / "nginx.conf"
        configuration.write_text(_NGINX.format(module=NCHAN, folder=folder, port=port))
        command, how = [str(NGINX), "-p", str(folder), "-c", str(configuration)], "post"
    else:
        command, how = [sys.executable, "-m", "tests.bench.feed", name, str(port), str(raw_port)], "raw"
    async with _running(*command) as process, loading() as load:
        for _ in range(200):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                break
            except OSError:
                await asyncio.sleep(0.05)
        writer.close()
        yield Peer(name, process, load, port, port if how == "post" else raw_port, how)


def _nginx_is_here() -> bool:
    return NGINX.exists() and NCHAN.exists()


async def run(short: bool) -> list[Row]:
    """All rows; `short`: small, without nchan, and only what was lost or doubled matters."""
    nchan = not short and _nginx_is_here()
    rows = [] if nchan or short else [Row("nchan", "", "left out: nginx with nchan is not here", "", None)]
    with a_folder() as folder:
        async with AsyncExitStack() as stack:
            names = ["ours", "original", *(["nchan"] if nchan else [])]
            peers = [await stack.enter_async_context(_peer(name, folder)) for name in names]
            rows += await _broadcast(peers, short=short)
            rows += await _firehose(peers, short=short)
        with serving(folder / "home", free_port()) as app_server:
            rows += await _real(app_server, peers, short=short)
    return rows


def _compared(name: str, target: float | None, what: str, peers: list[Peer]) -> list[Row]:
    ours = peers[0].cpu[what]
    rows = []
    for peer in peers[1:]:
        found, least, most = ratio(ours, peer.cpu[what])
        wanted = target if peer.name == "nchan" else None
        median = {one.name: sorted(one.cpu[what])[len(ours) // 2] for one in (peers[0], peer)}
        rows.append(
            Row(
                f"{name}, beside {peer.name}",
                f"≤ {wanted} of it" if wanted else "",
                f"{found:.2f} times ({median['ours']:.1f} of {median[peer.name]:.1f} µs)",
                f"{least:.2f}-{most:.2f}",
                found > wanted if wanted else None,
                {"ratio": found, "ours": median["ours"], peer.name: median[peer.name]},
            )
        )
    return rows


async def _broadcast(peers: list[Peer], *, short: bool) -> list[Row]:
    """One event to all streams of one audience; and what memory each of them takes."""
    streams, rate, count = (100, 50, 25) if short else (1000, 20, 60)
    for peer in peers:
        await peer.open(_FIRST)
        await peer.round("first", 20, 2)
        await peer.load("cut")
        await asyncio.sleep(0.2)
        before = memory(peer.process.pid)
        await peer.open(streams)
        await asyncio.sleep(0.2)
        peer.kilobytes = (memory(peer.process.pid) - before) / streams
    for _ in range(1 if short else ROUNDS):
        for peer in peers:
            await peer.round("broadcast", rate, count)
    for peer in peers:
        await peer.load("cut")
    return _compared(f"1 event to {streams:,} streams, CPU a delivery", 2.5, "broadcast", peers)


async def _firehose(peers: list[Peer], *, short: bool) -> list[Row]:
    """2,000 events per second to 50 watchers. nchan receives each in a POST, ours in a frame, so nchan's share includes that."""
    watchers, rate, seconds = (10, 500, 1) if short else (50, 2000, 3)
    for peer in peers:
        await asyncio.sleep(0.2)
        await peer.open(watchers)
    for _ in range(1 if short else ROUNDS):
        for peer in peers:
            # The original reaches less than a tenth of that rate.
            slower = 10 if peer.name == "original" and not short else 1
            await peer.round("firehose", rate / slower, int(rate / slower * seconds))
    return _compared(f"{watchers} watchers times {rate:,} events/s, CPU a delivery", 0.3, "firehose", peers)


async def _real(app_server: AppServer, peers: list[Peer], *, short: bool) -> list[Row]:
    """The whole server: memory a stream, and all streams cut and back at once."""
    people, each = (10, 10) if short else (200, 10)
    found = await population.create(app_server, people, 0, people * 3)
    cookies = [f"{app_server.cookie}={watcher.cookie}" for watcher in found.supervisors]
    port, count = int(app_server.url.rpartition(":")[2]), people * each
    order = {"port": port, "paths": ["/stream?page=floor"], "fresh": 'hx-target="#agents"'}
    async with loading() as load:
        await load("open", cookies=cookies[:1], count=_FIRST, **order)
        await load("cut")
        await asyncio.sleep(0.5)
        # The web process, which holds the streams; its child PostgreSQL warms up meanwhile and is told beside it.
        pid, streams = app_server.process.pid, count // 2
        before, before_all = memory(pid, children=False), memory(pid)
        await load("open", cookies=cookies[:1], count=streams, **order)
        await asyncio.sleep(1)
        kilobytes = (memory(pid, children=False) - before) / streams
        with_postgres = (memory(pid) - before_all) / streams
        await load("cut")
        rows = [_memory(kilobytes, with_postgres, streams, peers)]
        await load("open", cookies=cookies, count=count, **order)
        rounds = [
            await _reconnect(app_server, load, cookies, order, count) for _ in range(1 if short else ROUNDS)
        ]
    slowest = [one["slowest"] for one in rounds]
    reads = [one["reads"] / people for one in rounds]
    # An audience that was read more than once a tick would show as more reads than ticks.
    often = [one["reads"] / people / (one["seconds"] / TICK) for one in rounds]
    middle = len(rounds) // 2
    rows.append(
        Row(
            f"{count:,} streams of {people} people cut, all fresh again",
            "≤ 5 s, ≤ 1 read an audience and tick",
            f"{sorted(slowest)[middle]:.1f} s, {sorted(reads)[middle]:.2f} reads an audience",
            f"{min(slowest):.1f}-{max(slowest):.1f} s, {min(reads):.2f}-{max(reads):.2f} reads",
            None if short else max(slowest) > 5 or max(often) > 1,
            {"seconds": sorted(slowest)[middle], "reads": sorted(reads)[middle]},
        )
    )
    return rows


def _memory(kilobytes: float, with_postgres: float, streams: int, peers: list[Peer]) -> Row:
    others = ", ".join(f"{peer.name} {peer.kilobytes:.1f}" for peer in peers)
    return Row(
        f"memory a stream, {streams:,} of the whole server",
        "≤ 20 kB",
        f"{kilobytes:.1f} kB ({with_postgres:.1f} with PostgreSQL; bare: {others})",
        "",
        kilobytes > 20 if streams >= 1000 else None,
        {"server": kilobytes, "with_postgres": with_postgres} | {peer.name: peer.kilobytes for peer in peers},
    )


async def _reconnect(
    app_server: AppServer, load: Load, cookies: list[str], order: dict[str, Any], count: int
) -> dict[str, float]:
    """Cut all streams; they reconnect at once."""
    reads = await _reads(app_server)
    await load("cut")
    found = await load("open", cookies=cookies, count=count, **order)
    return {
        "slowest": found["slowest"],
        "seconds": found["slowest"],
        "reads": await _reads(app_server) - reads,
    }


async def _reads(app_server: AppServer) -> float:
    """Audiences that were read so far, as PostgreSQL counts the rows that it gave for them."""
    async with app_server.database(SUPERUSER) as db:
        return float(
            await db.fetchval(
                "select coalesce(sum(rows), 0) from extensions.pg_stat_statements where query like 'select shown, failure from%'"
            )
        )


def report(rows: list[Row], write: Callable[[str], None] = print) -> None:
    """For a run of this module alone."""
    write(table(rows))


if __name__ == "__main__":
    report(asyncio.run(run("short" in sys.argv[1:])))
