"""Interaction archives: summary, issues, tags and scores of an ended interaction."""

from typing import Any
from uuid import UUID

from server.kernel.db import Connection, Record

_COLUMNS = (
    "interaction_id, summary, issues, tags, csat_score, resolution_time_seconds, fcr_status, created_at"
)


async def put(connection: Connection, interaction_id: UUID, archive: dict[str, Any]) -> Record:
    """Write or replace the archive. Conflict while the interaction is active; NotFound when it is not the caller's."""
    row = await connection.fetchrow(
        """
        insert into public.interaction_archives
          (interaction_id, summary, issues, tags, csat_score, resolution_time_seconds)
        values ($1, $2, $3, $4, $5, $6)
        on conflict (interaction_id) do update set summary = excluded.summary, issues = excluded.issues,
          tags = excluded.tags, csat_score = excluded.csat_score,
          resolution_time_seconds = excluded.resolution_time_seconds
        returning interaction_id
        """,
        interaction_id,
        archive["summary"],
        archive["issues"],
        archive["tags"],
        archive["csat_score"],
        archive["resolution_time_seconds"],
    )
    assert row is not None
    # Read again, because the trigger that sets fcr_status runs after the row is returned.
    row = await connection.fetchrow(
        f"select {_COLUMNS} from public.interaction_archives where interaction_id = $1", interaction_id
    )
    assert row is not None
    return row
