"""A backup a day, and the last seven are kept: of a home whose server runs."""

import asyncio
import datetime as dt
import re
from pathlib import Path

import structlog

from server.embedded.postgres import Postgres
from server.embedded.restore import folder, programs
from server.errors import RequestError
from server.kernel.db import backups

_KEPT = 7
_FIRST = 60.0  # seconds after the start, which has other things to do
_PAUSE = 60.0
AFTER_FAILURE = 600.0
_NAME = re.compile(r"daily-\d{4}-\d\d-\d\d\.dump")

log = structlog.get_logger(__name__)


async def keep(postgres: Postgres, *, first: float = _FIRST, pause: float = _PAUSE) -> None:
    """Make the backup of each day while this process owns the PostgreSQL; cancelled, it leaves nothing half done."""
    await asyncio.sleep(first)
    while True:
        try:
            if postgres.owner:
                await make(postgres)
            await asyncio.sleep(pause)
        except (RequestError, OSError) as error:
            log.warning("daily_backup_failed", reason=str(error))
            await asyncio.sleep(AFTER_FAILURE)
        except Exception:
            log.exception("daily_backup_failed")
            await asyncio.sleep(AFTER_FAILURE)


async def make(postgres: Postgres) -> Path | None:
    """Today's backup, unless it is there already; what is older than the last seven goes."""
    place = folder(postgres.home)
    file = place / f"daily-{dt.datetime.now(dt.UTC):%Y-%m-%d}.dump"
    if file.exists():
        return None
    backups.clear_halves(place)
    size = await backups.backup(postgres.url("postgres"), file, programs(postgres), low_priority=True)
    log.info("daily_backup_made", file=file.name, size=size)
    for old in sorted(path for path in place.iterdir() if _NAME.fullmatch(path.name))[:-_KEPT]:
        old.unlink()
        log.info("daily_backup_removed", file=old.name)
    return file
