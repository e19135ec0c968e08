"""Interactions: started and ended by agents; one active an agent."""

from uuid import UUID

from server.errors import Conflict, NotFound
from server.kernel.db import Connection, Record

_COLUMNS = """id, agent_id, interaction_type, phone_number, livekit_room_id, external_id, status,
    started_at, ended_at, duration_seconds"""


async def start(
    connection: Connection,
    agent_id: UUID,
    interaction_type: str,
    phone_number: str | None,
    livekit_room_id: str | None,
    external_id: str | None,
) -> Record:
    """A new active interaction. Conflict when the agent is paused, retired or has one already."""
    row = await connection.fetchrow(
        f"""
        insert into public.interactions (agent_id, interaction_type, phone_number, livekit_room_id, external_id)
        values ($1, $2, $3, $4, $5) returning {_COLUMNS}
        """,
        agent_id,
        interaction_type,
        phone_number,
        livekit_room_id,
        external_id,
    )
    assert row is not None
    return row


async def read(connection: Connection, interaction_id: UUID) -> Record:
    """The interaction. NotFound when it is not the caller's."""
    row = await connection.fetchrow(
        f"select {_COLUMNS} from public.interactions where id = $1", interaction_id
    )
    if row is None:
        raise NotFound("there is no such interaction")
    return row


async def change(connection: Connection, interaction_id: UUID, values: dict[str, str | None]) -> Record:
    """Set phone_number or livekit_room_id, or both, of an active interaction. Conflict when it has ended."""
    row = await connection.fetchrow(
        f"""
        update public.interactions set
          phone_number = case when $2 then $3 else phone_number end,
          livekit_room_id = case when $4 then $5 else livekit_room_id end
        where id = $1 and status = 'active' returning {_COLUMNS}
        """,
        interaction_id,
        "phone_number" in values,
        values.get("phone_number"),
        "livekit_room_id" in values,
        values.get("livekit_room_id"),
    )
    if row is None:
        await read(connection, interaction_id)
        raise Conflict("the interaction has ended")
    return row


async def end(connection: Connection, interaction_id: UUID, status: str) -> Record:
    """End it as completed or failed; pending permissions become cancelled. Again with the same status is fine.

    Conflict when it ended with another.
    """
    row = await connection.fetchrow(
        f"update public.interactions set status = $2 where id = $1 and status = 'active' returning {_COLUMNS}",
        interaction_id,
        status,
    )
    if row is None:
        row = await read(connection, interaction_id)
        if row["status"] != status:
            raise Conflict(f"the interaction already ended as {row['status']}")
    return row


async def supervisor_of(connection: Connection, interaction_id: UUID) -> UUID:
    """Whose it is. NotFound when it is not the viewer's to see."""
    found: UUID | None = await connection.fetchval(
        "select supervisor_id from public.interactions where id = $1", interaction_id
    )
    if found is None:
        raise NotFound("There is no such interaction.")
    return found
