"""Interactions, which agents start and end; an agent has one active interaction at a time."""

from typing import NoReturn
from uuid import UUID

from server.errors import Conflict, NotFound, Unavailable
from server.kernel.db import Connection, Record

_COLUMNS = """id, agent_id, interaction_type, phone_number, caller, called_number, livekit_room_id, external_id, status,
    started_at, ended_at, duration_seconds, end_reason"""
_UNKNOWN = "there is no such interaction"


async def start(
    connection: Connection,
    agent_id: UUID,
    interaction_type: str,
    phone_number: str | None,
    caller: str | None,
    called_number: str | None,
    livekit_room_id: str | None,
    external_id: str | None,
) -> Record:
    """Start an interaction. Conflict when the agent is paused or retired, or has an active one."""
    row = await connection.fetchrow(
        f"""
        insert into public.interactions (agent_id, interaction_type, phone_number, caller, called_number, livekit_room_id,
          external_id)
        values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing returning {_COLUMNS}
        """,
        agent_id,
        interaction_type,
        phone_number,
        caller,
        called_number,
        livekit_room_id,
        external_id,
    )
    return row or await _refuse(connection, agent_id, external_id)


async def _refuse(connection: Connection, agent_id: UUID, external_id: str | None) -> NoReturn:
    """Raise Conflict, naming the interaction that prevents a new one."""
    there = await connection.fetchrow(
        """
        select id, external_id, status from public.interactions where agent_id = $1 and (external_id = $2 or status = 'active')
        order by external_id = $2 desc nulls last limit 1
        """,
        agent_id,
        external_id,
    )
    if there is None:  # it ended during the query
        raise Unavailable("another interaction of the agent has just ended, please try again", 1)
    which = {"id": str(there["id"]), "external_id": there["external_id"], "status": there["status"]}
    if external_id is not None and there["external_id"] == external_id:
        raise Conflict(
            f"an interaction with this external_id exists: {there['id']}", members={"interaction": which}
        )
    raise Conflict(
        f"the agent already has an active interaction: {there['id']}", members={"interaction": which}
    )


async def find(connection: Connection, external_id: str) -> list[Record]:
    """The caller's interactions with this external id: one or none."""
    return await connection.fetch(
        f"select {_COLUMNS} from public.interactions where external_id = $1", external_id
    )


async def read(connection: Connection, interaction_id: UUID, *, locked: bool = False) -> Record:
    """The interaction; with `locked`, its row is locked until the end of the transaction. NotFound when it is not the caller's."""
    row = await connection.fetchrow(
        f"select {_COLUMNS} from public.interactions where id = $1 {'for no key update' if locked else ''}",
        interaction_id,
    )
    if row is None:
        raise NotFound(_UNKNOWN)
    return row


async def change(connection: Connection, interaction_id: UUID, values: dict[str, str | None]) -> Record:
    """Set the numbers, the caller or livekit_room_id. NotFound when it is not the caller's.

    Conflict when it has ended; the numbers and the caller may change until ten minutes after the end.
    """
    row = await connection.fetchrow(
        f"""
        update public.interactions set
          phone_number = case when $2 then $3 else phone_number end,
          caller = case when $2 then $4 else caller end,
          called_number = case when $5 then $6 else called_number end,
          livekit_room_id = case when $7 then $8 else livekit_room_id end
        where id = $1 returning {_COLUMNS}
        """,
        interaction_id,
        "phone_number" in values,
        values.get("phone_number"),
        values.get("caller"),
        "called_number" in values,
        values.get("called_number"),
        "livekit_room_id" in values,
        values.get("livekit_room_id"),
    )
    if row is None:
        raise NotFound(_UNKNOWN)
    return row


async def end(
    connection: Connection, interaction_id: UUID, status: str, end_reason: str | None = None
) -> Record:
    """End it as completed or failed; pending permissions become cancelled. Repeating the same status does nothing.

    An interaction that the sweeper ended as failed, because its agent was silent, may still be completed. Conflict when it
    ended with another status.
    """
    row = await connection.fetchrow(
        f"""
        update public.interactions set status = $2, end_reason = coalesce($3, end_reason)
        where id = $1 and status <> $2 returning {_COLUMNS}
        """,
        interaction_id,
        status,
        end_reason,
    )
    return row or await read(connection, interaction_id)


async def supervisor_of(connection: Connection, interaction_id: UUID) -> UUID:
    """The supervisor of an interaction. NotFound when the viewer may not see it."""
    found: UUID | None = await connection.fetchval(
        "select supervisor_id from public.interactions where id = $1", interaction_id
    )
    if found is None:
        raise NotFound("There is no such interaction.")
    return found


async def show_number(connection: Connection, interaction_id: UUID) -> str:
    """The whole number of the customer, or the text in its place. The audit has who saw it. NotFound, Conflict."""
    shown: str = await connection.fetchval("select public.show_phone_number($1)", interaction_id)
    return shown
