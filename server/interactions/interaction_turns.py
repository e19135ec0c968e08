"""Turns: the live transcript."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from server.kernel.db import Connection


async def add(connection: Connection, interaction_id: UUID, turns: Sequence[dict[str, Any]]) -> list[str]:
    """Store turns {captured_at, speaker, text, external_id, final, interrupted}; return stored, replaced or duplicate for each.

    Conflict when the interaction ended more than ten minutes ago. NotFound when it is not the caller's.
    """
    rows = await connection.fetch("select private.add_turns($1, $2) as outcome", interaction_id, turns)
    return [row["outcome"] for row in rows]
