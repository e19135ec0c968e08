"""Tool permissions: requested by agents, decided by people, executed once."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from server.errors import NotFound
from server.kernel.db import Caller, Connection, Database, Record
from server.kernel.http import json_digest
from server.kernel.live import OWN
from server.permissions import drills

# arguments is json and not jsonb, so that people see names and values in the order in which they were sent.
_COLUMNS = """id, interaction_id, supervisor_id, tool_name, tool_description, arguments, arguments_digest, status,
    reason, responded_by_name as responded_by, requested_at, responded_at, expires_at, execute_before,
    executed_at, execution_succeeded, held_until, accepts_changes, changed_arguments, changed_arguments_digest,
    proposed_arguments"""


async def request(
    connection: Connection,
    interaction_id: UUID,
    tool_name: str,
    tool_description: str | None,
    arguments: dict[str, Any],
    arguments_digest: str,
    accepts_changes: bool,
) -> Record:
    """Store a request; it is allowed at once when the tool needs no permission. Conflict when the interaction has ended.

    NotFound when it is not the caller's.
    """
    row = await connection.fetchrow(
        f"""
        insert into public.tool_permissions (interaction_id, tool_name, tool_description, arguments, arguments_digest, accepts_changes)
        select i.id, $2, $3, $4::json, $5, $6 from public.interactions i where i.id = $1 returning {_COLUMNS}
        """,
        interaction_id,
        tool_name,
        tool_description,
        arguments,
        arguments_digest,
        accepts_changes,
    )
    if row is None:
        raise NotFound("there is no such interaction")
    return row


async def read(db: Database, agent: Caller, permission_id: UUID) -> Record:
    """The request. NotFound when it is not the agent's."""
    rows = await db.call(
        f"select {_COLUMNS} from private.look_at_decision($1, $2)", agent.claims, permission_id
    )
    if not rows:
        raise NotFound("there is no such tool permission")
    return rows[0]


async def cancel(connection: Connection, permission_id: UUID) -> Record:
    """Take back a pending request of the agent; repeating it is no error. Conflict when it is decided or has expired.

    NotFound when it is not the agent's.
    """
    await connection.execute("select private.cancel_permission($1)", permission_id)
    row = await connection.fetchrow(
        f"select {_COLUMNS} from public.tool_permissions where id = $1", permission_id
    )
    assert row is not None
    return row


async def card(connection: Connection, permission_id: UUID) -> dict[str, Any]:
    """The row that a card shows, also of a drill. NotFound when it is not the viewer's."""
    row: dict[str, Any] | None = await connection.fetchval(
        "select private.permission_card($1)", permission_id
    )
    row = row or await drills.card(connection, permission_id)
    if row is None:
        raise NotFound("There is no such tool permission.")
    return row


def decided_here(permission_id: UUID) -> str:
    """The topic with which a decision wakes the agent that waits in the same process.

    So the agent does not depend on the LISTEN connection, which can be lost without an error.
    """
    return f"{OWN}decided:{permission_id}"


async def decide(
    db: Database,
    viewer: Caller,
    permission_id: UUID,
    status: str,
    reason: str | None,
    arguments_digest: str,
    changed: Mapping[str, Any] | None = None,
) -> tuple[bool, dict[str, Any]]:
    """Allow or deny the request with these arguments; `changed` are others to run the tool with, or to propose with a denial.

    Return whether the decision was stored, and the row that the card shows now. It is not stored if the request was
    decided, has expired or has other arguments. An allow of a tool with `undo_seconds` is held. NotFound when it is not
    the viewer's.
    """
    if changed is not None:
        query = "select won, expired, card from private.decide_v3($1, $2, $3, $4, $5, $6::json, $7)"
        values: list[object] = [status, reason, arguments_digest, changed, json_digest(changed)]
    else:
        query = "select won, expired, card from private.decide_v2($1, $2, $3, $4, $5, false)"
        values = [status, reason, arguments_digest]
    return await answered(db, query, viewer, permission_id, values, (status, arguments_digest))


async def seen(connection: Connection, permission_id: UUID, digest: str, ago: int, *, opened: bool) -> bool:
    """Note that the viewer has the waiting request before their eyes since `ago` milliseconds; False when it is answered.

    NotFound when it is not theirs, Conflict for other arguments.
    """
    noted: bool = await connection.fetchval(
        "select private.see_permission($1, $2, $3, $4)", permission_id, digest, ago, opened
    )
    return noted


async def own_reasons(connection: Connection, presets: Sequence[str]) -> list[str]:
    """The last five reasons that the viewer wrote themselves, newest first; of their newest two hundred decisions."""
    rows = await connection.fetch(
        """
        select reason from (
          select reason, responded_at from public.tool_permissions
          where responded_by = (select private.viewer_id()) and reason is not null
            and responded_at > pg_catalog.now() - interval '30 days'
          order by responded_at desc limit 200) lately
        where reason <> all ($1) group by reason order by pg_catalog.max(responded_at) desc limit 5
        """,
        [*presets],
    )
    return [row["reason"] for row in rows]


async def input_schema(connection: Connection, row: Mapping[str, Any]) -> dict[str, Any] | None:
    """The JSON Schema of the tool that a card's row asks for, if its agent has the tool and it has one."""
    found: dict[str, Any] | None = await connection.fetchval(
        "select input_schema from public.agent_tools where agent_id = $1 and tool_name = $2",
        UUID(row["agent_id"]),
        row["tool_name"],
    )
    return found


async def take_back(db: Database, viewer: Caller, permission_id: UUID) -> tuple[bool, dict[str, Any]]:
    """Take back the viewer's own allow while it is held; return whether there was one, and the row that the card shows now.

    NotFound when it is not the viewer's.
    """
    query = "select won, card from private.take_back($1, $2)"
    return await answered(db, query, viewer, permission_id, [], (None, ""))


def _expired(row: dict[str, Any]) -> dict[str, Any]:
    """The row of a pending request whose time is over, as the sweeper will mark it within a second."""
    undecided = dict.fromkeys(("responded_by_name", "reason", "executed_at", "rule"))
    return {**row, **undecided, "status": "timeout", "responded_at": row["expires_at"]}


async def answered(
    db: Database,
    query: str,
    viewer: Caller,
    permission_id: UUID,
    values: Sequence[object],
    to_drill: tuple[str | None, str],
) -> tuple[bool, dict[str, Any]]:
    """Whether the query stored a decision, and the row that the card shows now.

    `to_drill` is what it says to a drill with this id: allowed or denied, and the digest. NotFound when it is not the viewer's.
    """
    try:
        rows = await db.call(query, viewer.claims, permission_id, *values)
    except NotFound:
        return await drills.answer(db, viewer, permission_id, *to_drill)
    if rows[0]["card"] is None:
        raise NotFound("There is no such tool permission.")
    row: dict[str, Any] = rows[0]["card"]
    return rows[0]["won"], _expired(row) if rows[0].get("expired") else row


async def claim_execution(connection: Connection, permission_id: UUID, digest: str) -> UUID:
    """Claim the one execution; return its id. Conflict, with the reason, when the tool must not run."""
    execution_id: UUID = await connection.fetchval(
        "select public.claim_execution($1, $2)", permission_id, digest
    )
    return execution_id


async def report_execution(
    connection: Connection, permission_id: UUID, execution_id: UUID, *, succeeded: bool, result: object
) -> Record:
    """Store the result. Conflict when the execution was not claimed, or was reported with another result."""
    row = await connection.fetchrow(
        f"select {_COLUMNS} from public.report_execution($1, $2, $3, $4)",
        permission_id,
        execution_id,
        succeeded,
        result,
    )
    assert row is not None  # otherwise the function has raised
    return row
