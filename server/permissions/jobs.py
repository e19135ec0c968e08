"""Sends the drills of the day, at moments that nobody can foresee, to supervisors who have their floor open."""

import asyncio
import secrets
from uuid import UUID

import structlog

from server.errors import RequestError
from server.kernel.db import Database
from server.kernel.live import Streams
from server.permissions import drills

_PAUSE = 60.0  # seconds between two looks
_DICE = secrets.SystemRandom()  # a drill that a person could foresee would show nothing

log = structlog.get_logger(__name__)


async def run(db: Database, streams: Streams, minutes: int) -> None:
    """Send drills while the process runs; `minutes` pass on average before one is sent that may be sent, 0: at once.

    Several processes look at their own streams, and PostgreSQL decides who is due.
    """
    pause = min(_PAUSE, max(1.0, minutes * 60.0))
    while True:
        await asyncio.sleep(pause)
        chosen = [UUID(whose) for whose in streams.whose("floor") if _DICE.random() * minutes * 60 < pause]
        if not chosen:
            continue
        try:
            await drills.send_due(db, chosen)
        except RequestError as error:
            log.warning("drill_not_sent", reason=error.detail)
