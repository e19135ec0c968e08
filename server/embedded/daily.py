"""One backup per day of a home whose server runs; the last seven are kept.

A backup waits while the processors are busy. It runs at the lowest priority, but still takes memory bandwidth and caches from
the floor. On two cores, the floor's 99th percentile during a backup was 0.95 times that of quiet seconds with half of the
processors' time free, 1.6 times with a third free, and 2.9 times with a twentieth free (`make bench BENCH=floor`, 2026-11-28).
The backup waits no longer when the newest one is older than _OLDEST, or where there is none.
"""

import asyncio
import datetime as dt
import re
import time
from pathlib import Path

import psutil
import structlog

from server.embedded.postgres import Postgres
from server.embedded.restore import folder, programs
from server.errors import RequestError
from server.kernel.db import backups

_KEPT = 7
_FIRST = 60.0  # seconds after the start, which keeps the processors busy itself
_PAUSE = 60.0
AFTER_FAILURE = 600.0
_FULL = 60.0  # percent of the processors' time since the last check
_OLDEST = 30 * 3600.0  # seconds
_NAME = re.compile(r"daily-\d{4}-\d\d-\d\d\.dump")

log = structlog.get_logger(__name__)


async def keep(postgres: Postgres, *, first: float = _FIRST, pause: float = _PAUSE) -> None:
    """Make the backup of each day while this process owns the PostgreSQL. When it is cancelled, no partial file remains."""
    psutil.cpu_percent()  # the next call measures from here
    await asyncio.sleep(first)
    waits = False
    while True:
        try:
            busy = psutil.cpu_percent()
            if postgres.owner and not (waits := _puts_off(postgres, busy, waits)):
                await make(postgres)
            await asyncio.sleep(pause)
        except (RequestError, OSError) as error:
            log.warning("daily_backup_failed", reason=str(error))
            await asyncio.sleep(AFTER_FAILURE)
        except Exception:
            log.exception("daily_backup_failed")
            await asyncio.sleep(AFTER_FAILURE)


def _puts_off(postgres: Postgres, busy: float, waits: bool) -> bool:
    if not must_wait(folder(postgres.home), busy):
        return False
    if not waits:
        log.info("daily_backup_put_off", processors=f"{busy:.0f}%")
    return True


def must_wait(place: Path, busy: float) -> bool:
    """Whether today's backup is due, the processors are full, and the newest backup is recent enough to wait."""
    if _today(place).exists() or busy < _FULL:
        return False
    made = [path.stat().st_mtime for path in _kept(place)]
    return bool(made) and time.time() - max(made) < _OLDEST


async def make(postgres: Postgres) -> Path | None:
    """Make today's backup, unless it exists; return its file. All but the last seven are removed."""
    place = folder(postgres.home)
    file = _today(place)
    if file.exists():
        return None
    backups.clear_halves(place)
    size = await backups.backup(postgres.url("postgres"), file, programs(postgres), low_priority=True)
    log.info("daily_backup_made", file=file.name, size=size)
    for old in _kept(place)[:-_KEPT]:
        old.unlink()
        log.info("daily_backup_removed", file=old.name)
    return file


def _today(place: Path) -> Path:
    return place / f"daily-{dt.datetime.now(dt.UTC):%Y-%m-%d}.dump"


def _kept(place: Path) -> list[Path]:
    """The daily backups, oldest first."""
    return sorted(path for path in place.iterdir() if _NAME.fullmatch(path.name))
