"""Time passes: what expired is marked, what died is failed, sums are folded; now and then what is old goes."""

import asyncio
import time

import structlog

from server.errors import RequestError
from server.kernel.db.connections import Database
from server.kernel.observability import SWEPT

ALWAYS = ("expiry", "reaping", "performance")
RETENTION = ("metrics", "archives", "interactions", "leftovers")
_PAUSE = 0.5  # seconds between two rounds
_REST = 600.0  # seconds between two rounds of retention; a round goes on until nothing is left
_SHARE = 5  # of the time at most one part in five goes to retention: a busy floor does not feel it

log = structlog.get_logger(__name__)


async def run(db: Database) -> None:
    """Sweep for as long as the process lives; of several processes one at a time takes a step."""
    due = dict.fromkeys(RETENTION, 0.0)  # step → not before, by the monotonic clock
    while True:
        busy = False
        began = time.monotonic()
        try:
            for step in ALWAYS:
                await _take(db, step)
            began = time.monotonic()
            for step in RETENTION:
                if time.monotonic() >= due[step]:
                    if await _take(db, step):
                        busy = True
                    else:
                        due[step] = time.monotonic() + _REST
        except RequestError as error:
            log.warning("sweep_failed", reason=error.detail)
        # Catching up goes on soon, one short batch of each after what must never wait.
        rest = (time.monotonic() - began) * (_SHARE - 1)
        await asyncio.sleep(min(_PAUSE, max(_PAUSE / 20, rest)) if busy else _PAUSE)


async def _take(db: Database, step: str) -> int:
    """One batch of one step; how many rows it changed, 0 too when another process is at it."""
    # A queue of notifications that was full has room again when somebody asks how full it is; who notifies is refused before.
    rows = await db.call("select private.sweep($1) as done, pg_catalog.pg_notification_queue_usage()", step)
    done: int = rows[0]["done"] or 0
    if done:
        SWEPT.labels(step).inc(done)
        if step != "performance":  # it follows every interaction
            log.info("swept", step=step, rows=done)
    return done
