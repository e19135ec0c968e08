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
    """Readiness, streams, the notification queue, slow queries, sizes, retention and the last backup."""
    db: Database = request.state.db
    async with db.as_viewer(request.state.viewer) as connection:
        report = await system_report.read(connection)
    if request.url.path.endswith(".csv"):
        return http.csv("tables.csv", system_report.COLUMNS, report["tables"])
    backups = request.state.settings.floorwalker_home / "backups"
    return http.render(
        request,
        "system/system.html",
        report=report,
        hub=request.state.hub,
        streams=len(request.state.streams),
        backup=await asyncio.to_thread(newest_backup, backups),
    )


def newest_backup(folder: Path) -> Backup | None:
    files = [(path.stat(), path.name) for path in folder.glob("*.dump")]
    if not files:
        return None
    found, name = max(files, key=lambda file: file[0].st_mtime)
    return Backup(name, found.st_size, dt.datetime.fromtimestamp(found.st_mtime, dt.UTC))


_admins = signed_in(show, "admin")
ROUTES = [Route("/system", _admins), Route("/system.csv", _admins)]
