"""What a supervisor's floor did today, for the viewer whose floor is quiet."""

from typing import Any

from server.kernel import http
from server.kernel.auth import Viewer
from server.kernel.db import Database
from server.kernel.db.lists import zone_of
from server.kernel.live import key_of

_TALL = 40  # of the highest bar
_FLAT = 1  # of an hour without an interaction
_FEWEST = 6  # bars


async def today(db: Database, viewer: Viewer, zone: str) -> dict[str, Any]:
    """What floor/_today.html shows: `today`, `zone`, and `bars` [(hour, interactions, height)]. UTC for an unknown zone."""
    async with db.as_viewer(viewer) as connection:
        zone = await zone_of(connection, zone)
        found: dict[str, Any] = await connection.fetchval("select private.today($1)", zone)
    for one in found["decisions"]:
        one["key"] = key_of(http.arguments(one["arguments"]))
    return {"today": found, "zone": zone.rpartition("/")[2].replace("_", " "), "bars": bars(found["hours"])}


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
