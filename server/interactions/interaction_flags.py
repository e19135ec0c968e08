"""The flag of an interaction that somebody ought to review."""

from uuid import UUID

from server.kernel.db import Connection


async def set_flag(
    connection: Connection,
    interaction_id: UUID,
    version: int,
    state: str,
    assigned_to: UUID | None,
    reason: str,
) -> None:
    """Flag an interaction (version 0), or change its flag if this is its present version. NotFound, Conflict, Invalid."""
    await connection.execute(
        "select public.set_interaction_flag($1, $2, $3, $4, $5)",
        interaction_id,
        version,
        state,
        assigned_to,
        reason,
    )
