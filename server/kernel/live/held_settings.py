"""The settings of which a web process keeps a copy, because every page shows them; read again when one has changed."""

from typing import Any

import structlog

from server.errors import RequestError
from server.kernel import http
from server.kernel.db import Database
from server.kernel.live.hub import STATE, Hub
from server.settings import Settings

_RETRY = 5.0  # seconds until the database is asked again
_RECHECK = 60.0  # seconds after which it is asked without a notification

log = structlog.get_logger(__name__)


class HeldSettings:
    """Tells the database what the environment fixes, and follows what holds: reasons of a denial, and when an agent is silent.

    The database decides (private.settings), so that all processes agree, and a change needs no restart.
    """

    def __init__(self, db: Database, hub: Hub, settings: Settings) -> None:
        self._db, self._hub, self._settings = db, hub, settings
        self._written = False
        self._held: dict[str, Any] = {
            "reasons": settings.offered_reasons,
            "stale_seconds": settings.stale_seconds,
        }
        http.hold(**self._held)

    async def write(self) -> None:
        """Store the defaults and what the environment fixes. A database that does not answer yet is told later."""
        initial, fixed = self._settings.initial(), self._settings.fixed
        try:
            await self._db.call("select private.configure_v2($1, $2)", initial, fixed)
            self._written = True
            await self._read()
        except RequestError as error:
            log.warning("settings_not_written", reason=error.detail)

    async def run(self) -> None:
        """Follow the settings while the process runs."""
        with self._hub.topics.listening("settings:*", STATE) as bell:
            while True:
                try:
                    if not self._written:
                        await self.write()
                    await self._read()
                except RequestError as error:
                    log.warning("settings_not_read", reason=error.detail)
                await bell.wait(_RECHECK if self._written else _RETRY)

    async def _read(self) -> None:
        rows = await self._db.call("select private.held_settings() as held")
        stored = rows[0]["held"]
        held: dict[str, Any] = {
            "reasons": stored["reasons"].split("\n") if stored["reasons"] else [],
            "stale_seconds": stored["stale_seconds"],
        }
        if held == self._held:
            return
        self._held = held
        http.hold(**held)
        # Cards of requests offer the reasons, and are kept as rendered until they are read anew; the line of the connection tells
        # every page after how many seconds an agent is silent.
        topics = self._hub.topics
        topics.notify_missed([key for key in topics.shared if key.startswith("tool_permissions:")])
        topics.notify(STATE)
