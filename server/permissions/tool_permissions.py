"""Tool permissions: asked by agents, decided by people, executed once."""

from typing import Any
from uuid import UUID

from server.db import Connection, Record
from server.errors import NotFound

_COLUMNS = """id, interaction_id, supervisor_id, tool_name, tool_description, arguments, arguments_digest, status,
    reason, responded_by_name as responded_by, requested_at, responded_at, expires_at, execute_before,
    executed_at, execution_succeeded"""


async def request(
    connection: Connection,
    interaction_id: UUID,
    tool_name: str,
    tool_description: str | None,
    arguments: dict[str, Any],
) -> Record:
    """A new request; allowed at once when the tool needs no permission. Conflict when the interaction has ended.

    NotFound when it is not the caller's.
    """
    row = await connection.fetchrow(
        f"""
        insert into public.tool_permissions (interaction_id, tool_name, tool_description, arguments)
        select i.id, $2, $3, $4::json from public.interactions i where i.id = $1 returning {_COLUMNS}
        """,
        interaction_id,
        tool_name,
        tool_description,
        arguments,
    )
    if row is None:
        raise NotFound("there is no such interaction")
    return row


async def read(connection: Connection, permission_id: UUID) -> Record:
    """The request as it stands. NotFound when it is not the caller's."""
    row = await connection.fetchrow(
        f"select {_COLUMNS} from public.tool_permissions where id = $1", permission_id
    )
    if row is None:
        raise NotFound("there is no such tool permission")
    return row


async def decide(connection: Connection, permission_id: UUID, status: str, reason: str | None) -> bool:
    """Allow or deny; False when somebody or something was first. NotFound when it is not the viewer's."""
    row = await connection.fetchrow(
        "select id from public.decide_tool_permission($1, $2, $3)", permission_id, status, reason
    )
    return row is not None


async def grant(connection: Connection, permission_id: UUID) -> None:
    """Allow its tool for the rest of the interaction. Conflict unless the viewer has just allowed it."""
    await connection.execute("select public.grant_tool($1)", permission_id)


async def card(connection: Connection, permission_id: UUID) -> Record:
    """What its card shows once it is answered. NotFound when it is not the viewer's."""
    row = await connection.fetchrow(
        """
        select t.id, t.tool_name, t.status, t.reason, t.responded_by_name, t.responded_at, t.expires_at,
          t.executed_at, a.name as agent_name
        from public.tool_permissions t join public.agents a on a.id = t.agent_id where t.id = $1
        """,
        permission_id,
    )
    if row is None:
        raise NotFound("There is no such tool permission.")
    return row


async def claim_execution(connection: Connection, permission_id: UUID, digest: str) -> UUID:
    """The one execution id. Conflict says why the tool must not run."""
    execution_id: UUID = await connection.fetchval(
        "select public.claim_execution($1, $2)", permission_id, digest
    )
    return execution_id


async def report_execution(
    connection: Connection, permission_id: UUID, execution_id: UUID, *, succeeded: bool, result: object
) -> Record:
    """Keep how it went. Conflict when it was not claimed or reported otherwise."""
    await connection.execute(
        "select id from public.report_execution($1, $2, $3, $4)",
        permission_id,
        execution_id,
        succeeded,
        result,
    )
    return await read(connection, permission_id)
