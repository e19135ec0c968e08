"""The criteria by which people score interactions, in versions."""

from collections.abc import Sequence
from typing import Any

from server.errors import Unavailable
from server.kernel.db import Connection, Record

MOST = 20  # criteria
_VERSIONS = 50  # that the page lists


async def versions(connection: Connection) -> Sequence[Record]:
    """The versions of the criteria, the present one first: version, criteria, created_at, created_by_name."""
    rows = await connection.fetch(
        """
        select version, criteria, created_at, created_by_name from public.scorecards order by version desc limit $1
        """,
        _VERSIONS,
    )
    if not rows:
        raise Unavailable("There are no criteria: run `floorwalker migrate`.")
    return rows


async def change(connection: Connection, version: int, criteria: Sequence[dict[str, Any]]) -> int:
    """Make a new version, if this is the present one; its number. Forbidden, Conflict, Invalid."""
    made: int = await connection.fetchval("select public.change_scorecard($1, $2)", version, [*criteria])
    return made
