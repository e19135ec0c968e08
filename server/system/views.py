"""The system page, and its tables as CSV."""

import asyncio
import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.kernel import http
from server.kernel.db import Database
from server.kernel.http import signed_in
from server.system import system_report


@dataclass(frozen=True, slots=True)
class Backup:
    """A file of `floorwalker backup` on this machine."""

    name: str
    bytes: int
    made_at: dt.datetime


async def show(request: Request) -> Response:
    """Whether all is well, since when and what to do; then readiness, streams, the notification queue, slow queries, sizes, retention and the last backup."""
    db: Database = request.state.db
    async with db.as_viewer(request.state.viewer) as connection:
        report = await system_report.read(connection)
    if request.url.path.endswith(".csv"):
        return http.csv("tables.csv", system_report.COLUMNS, report["tables"])
    settings, hub = request.state.settings, request.state.hub
    backup = await asyncio.to_thread(newest_backup, settings.floorwalker_home / "backups")
    troubles = system_report.troubles(
        report,
        (hub.state.name, hub.state.since),
        (backup.made_at if backup else report["first_person_at"]) if settings.embedded else None,
        http.now(),
    )
    # Live again since then, even where the database saw no trouble.
    ok_since = (
        max(hub.state.since, dt.datetime.fromisoformat(report["ok_since"]))
        if report["ok_since"]
        else hub.state.since
    )
    return http.render(
        request,
        "system/system.html",
        report=report,
        hub=hub,
        troubles=troubles,
        ok_since=ok_since,
        streams=len(request.state.streams),
        backup=backup,
        embedded=settings.embedded,
    )


def newest_backup(folder: Path) -> Backup | None:
    files = [(path.stat(), path.name) for path in folder.glob("*.dump")]
    if not files:
        return None
    found, name = max(files, key=lambda file: file[0].st_mtime)
    return Backup(name, found.st_size, dt.datetime.fromtimestamp(found.st_mtime, dt.UTC))


_admins = signed_in(show, "admin")
ROUTES = [Route("/system", _admins), Route("/system.csv", _admins)]
