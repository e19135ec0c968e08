"""Agents: the record that an agent reads of itself; pause, move and retire."""

from uuid import UUID

from server.errors import NotFound
from server.kernel.db import Connection, Record


async def read(connection: Connection, agent_id: UUID) -> Record:
    """The agent and its tools. NotFound when it is not the caller's.

    The tools are read from agent_tools. The column agents.mcp_tools is another form of the same data: triggers update each
    when the other one is written.
    """
    row = await connection.fetchrow(
        """
        select a.id, a.name, a.agent_type, a.status, a.system_prompt,
          (select i.id from public.interactions i where i.agent_id = a.id and i.status = 'active')
            as active_interaction_id,
          (select coalesce(jsonb_agg(jsonb_build_object('tool_name', t.tool_name,
             'description', t.description, 'input_schema', t.input_schema,
             'requires_permission', t.requires_permission) order by lower(t.tool_name)), '[]')
           from public.agent_tools t where t.agent_id = a.id) as tools
        from public.agents a where a.id = $1
        """,
        agent_id,
    )
    if row is None:
        raise NotFound("there is no such agent")
    return row


async def pause(connection: Connection, agent_id: UUID, *, paused: bool) -> None:
    """Pause or resume an agent of the viewer. An active interaction continues. NotFound when it is not the viewer's."""
    await connection.execute("select id from public.set_agent_paused($1, $2)", agent_id, paused)


async def move(connection: Connection, agent_id: UUID, supervisor_id: UUID) -> UUID:
    """Move an agent to another supervisor; return the previous one.

    NotFound; Conflict when the new supervisor has three agents; Invalid for a supervisor of another type.
    """
    before: UUID | None = await connection.fetchval(
        "select supervisor_id from public.agents where id = $1", agent_id
    )
    await connection.execute("select id from public.move_agent($1, $2)", agent_id, supervisor_id)
    assert before is not None
    return before


async def retire(connection: Connection, agent_id: UUID) -> UUID:
    """Free an agent's slot and keep its history; return its supervisor. NotFound; Conflict while an interaction is active."""
    supervisor_id: UUID = await connection.fetchval(
        "select supervisor_id from public.retire_agent($1)", agent_id
    )
    return supervisor_id
