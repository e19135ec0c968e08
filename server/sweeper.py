"""Time passes: once a second what expired is marked, what died is failed; now and then what is old goes."""

import asyncio
import time

import structlog

from server.db import Database
from server.errors import RequestError
from server.metrics import SWEPT

_PAUSE = 1.0
_RETENTION = 600.0  # seconds between two rounds of retention; a round goes on until nothing is left

log = structlog.get_logger(__name__)


async def run(db: Database) -> None:
    """Sweep for as long as the process lives; of several processes one does it at a time."""
    cleaned_at = -_RETENTION
    while True:
        cleaning = time.monotonic() - cleaned_at >= _RETENTION
        try:
            rows = await db.call("select private.sweep($1) as done", cleaning)
        except RequestError as error:
            log.warning("sweep_failed", reason=error.detail)
            await asyncio.sleep(_PAUSE)
            continue
        done: dict[str, int] = {what: count for what, count in rows[0]["done"].items() if count}
        if done:
            log.info("swept", **done)
            for what, count in done.items():
                SWEPT.labels(what).inc(count)
        if cleaning and not (done.get("metrics") or done.get("archives")):
            cleaned_at = time.monotonic()
        await asyncio.sleep(_PAUSE)
