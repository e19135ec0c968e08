"""What the embedded mode needs of this machine: disk space, a port, programs; and the age of the last backup."""

import asyncio
import shutil
import socket
import time
from pathlib import Path

import httpx

from server.cli.context import Context
from server.cli.doctor.findings import SECONDS, Finding, Findings, doubtful, right, wrong
from server.settings import Settings

_TOO_LITTLE, _LITTLE = 200_000_000, 1_000_000_000  # bytes
_OLD = 2 * 86_400.0  # seconds; the server makes one per day


async def check(settings: Settings, context: Context | None) -> Findings:
    """The disk and the port are checked even if the home cannot be opened."""
    home = settings.floorwalker_home.resolve()
    yield check_disk(home)
    yield await _port(settings, context)
    if context is not None:
        yield check_backup(home)


def check_disk(home: Path) -> Finding:
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    said = f"{free / 1e9:.1f} GB are free for {home}"
    if free < _TOO_LITTLE:
        return wrong(
            f"only {said}: PostgreSQL stops when the disk is full, so free some space or move FLOORWALKER_HOME"
        )
    if free < _LITTLE:
        return doubtful(f"only {said}: free some space, or move FLOORWALKER_HOME")
    return right(said)


async def _port(settings: Settings, context: Context | None) -> Finding:
    name = f"{settings.host} port {settings.port}"
    if trouble := await asyncio.to_thread(_bind, settings):
        return await _who_serves(settings, context, name, trouble)
    return right(f"{name} is free, because no server is running")


def _bind(settings: Settings) -> str:
    """Why the port cannot be used; empty when it can."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((settings.host, settings.port))
            listening.listen(1)
    except OSError as error:
        return error.strerror or str(error)
    return ""


async def _who_serves(settings: Settings, context: Context | None, name: str, trouble: str) -> Finding:
    advice = "stop the program that uses it, or set another PORT (or HOST)"
    address = settings.model_copy(update={"public_url": None}).address
    key = context.settings.supabase_publishable_key if context else None
    taken = wrong(f"{name} cannot be used ({trouble}), and no Floorwalker listens there: {advice}")
    try:
        async with httpx.AsyncClient(base_url=address, timeout=SECONDS, trust_env=False) as http:
            health = (await http.get("/auth/v1/health")).json()
            if not isinstance(health, dict) or health.get("version") != "floorwalker":
                return taken
            if key is None:
                return doubtful(f"a Floorwalker of another home listens on {name}: {advice}")
            answer = await http.get("/auth/v1/settings", headers={"apikey": key.get_secret_value()})
    except (httpx.HTTPError, ValueError):
        return taken
    if answer.status_code == 200:
        return right(f"this home's Floorwalker serves {name}")
    return wrong(f"the Floorwalker of another home serves {name}: {advice}")


def check_backup(home: Path) -> Finding:
    made = [path.stat().st_mtime for path in (home / "backups").glob("*.dump")]
    since = max(made) if made else (home / "auth-keys.json").stat().st_mtime  # created with the home
    days = (time.time() - since) / 86_400
    if time.time() - since > _OLD:
        last = (
            f"the last backup is {days:.0f} days old"
            if made
            else f"there is no backup, after {days:.0f} days"
        )
        return doubtful(f"{last}: one is made each day while the server runs, or run `floorwalker backup`")
    if made:
        return right(f"the last backup is {days * 24:.0f} hours old")
    return right("the home is new and needs no backup yet: one is made each day while the server runs")
