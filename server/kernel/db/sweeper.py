"""Does what time requires: expires requests, ends silent interactions, adds up sums, opens alerts, and deletes what retention does not keep."""

import asyncio
import time

import structlog

from server.errors import RequestError
from server.kernel.db.connections import Database
from server.kernel.observability import SWEPT

ALWAYS = ("expiry", "reaping", "performance")
RETENTION = ("metrics", "archives", "interactions", "leftovers")
ALERTS = "alerts"
_PAUSE = 0.5  # seconds between two rounds
_REST = 600.0  # seconds between two rounds of retention; a round continues until nothing is left
_EVALUATE = 2.0  # seconds between two evaluations of the rules of alerts
_SHARE = 5  # retention takes at most one part in so many of the time, so that a busy floor does not notice it

log = structlog.get_logger(__name__)


async def run(db: Database) -> None:
    """Sweep while the process runs. Of several processes, one at a time takes a step."""
    due = dict.fromkeys((*RETENTION, ALERTS), 0.0)  # step → not before this monotonic time
    while True:
        busy = False
        began = time.monotonic()
        try:
            for step in ALWAYS:
                await _take(db, step)
            if time.monotonic() >= due[ALERTS]:
                due[ALERTS] = time.monotonic() + _EVALUATE
                await _take(db, ALERTS)
            began = time.monotonic()
            for step in RETENTION:
                if time.monotonic() >= due[step]:
                    if await _take(db, step):
                        busy = True
                    else:
                        due[step] = time.monotonic() + _REST
        except RequestError as error:
            log.warning("sweep_failed", reason=error.detail)
        # Catching up continues soon, with one short batch of each step after those that must never wait.
        rest = (time.monotonic() - began) * (_SHARE - 1)
        await asyncio.sleep(min(_PAUSE, max(_PAUSE / 20, rest)) if busy else _PAUSE)


async def _take(db: Database, step: str) -> int:
    """Take one batch of a step; return the number of rows changed, 0 also when another process takes that step."""
    # PostgreSQL frees a full queue of notifications when its usage is read; until then it refuses statements that notify.
    rows = await db.call("select private.sweep($1) as done, pg_catalog.pg_notification_queue_usage()", step)
    done: int = rows[0]["done"] or 0
    if done:
        SWEPT.labels(step).inc(done)
        if step != "performance":  # it follows every interaction, so it is not logged
            log.info("swept", step=step, rows=done)
    return done
