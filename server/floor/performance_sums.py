"""What a supervisor's floor did today, for the viewer whose floor is quiet."""

from typing import Any

from server.errors import Invalid
from server.kernel import http
from server.kernel.auth import Viewer
from server.kernel.db import Database
from server.kernel.live import amount_of

_TALL = 40  # of the highest bar
_FLAT = 1  # of an hour without an interaction
_FEWEST = 6  # bars


async def today(db: Database, viewer: Viewer, zone: str) -> dict[str, Any]:
    """What floor/_today.html shows: `today`, `zone`, and `bars` [(hour, interactions, height)]. UTC for an unknown zone."""
    try:
        found = await _read(db, viewer, zone)
    except Invalid:
        zone = "UTC"
        found = await _read(db, viewer, zone)
    return {"today": found, "zone": zone.rpartition("/")[2].replace("_", " "), "bars": bars(found["hours"])}


async def _read(db: Database, viewer: Viewer, zone: str) -> dict[str, Any]:
    async with db.as_viewer(viewer) as connection:
        row = await connection.fetchrow("select private.today($1) as today", zone)
    assert row is not None
    found: dict[str, Any] = row["today"]
    for one in found["decisions"]:
        one["key"] = _key(http.arguments(one["arguments"]))
    return found


def _key(arguments: dict[str, Any]) -> str | None:
    """What a line shows of the arguments: the amount, else the one that tells most."""
    row = http.key_row(http.argument_rows(arguments))
    return amount_of(arguments) or (row.text if row else None)


def bars(hours: list[dict[str, Any]]) -> list[tuple[str, int, int]]:
    """From the hour before the first interaction to the present one, and at least so many that a bar has a usual width."""
    counts = [hour["interactions"] for hour in hours]
    if not any(counts):
        return []
    first = next(place for place, count in enumerate(counts) if count)
    most, start = max(counts), max(0, min(first - 1, len(counts) - _FEWEST))
    return [
        (hour["hour"], hour["interactions"], max(_FLAT, round(_TALL * hour["interactions"] / most)))
        for hour in hours[start:]
    ]
