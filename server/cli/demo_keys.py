"""Keys for the agents of the demo and of a replay."""

import json
from collections.abc import Sequence
from typing import Any

from server.agents.agent_keys import Channel, create_for
from server.kernel.db import Connection


async def create_for_demo(connection: Connection) -> list[tuple[str, Channel]]:
    """A new (key, agent_type) of each sample agent; earlier keys are revoked. As the database's owner."""
    await connection.execute(
        "update public.agent_keys set revoked_at = now() where hint = 'demo' and revoked_at is null"
    )
    rows = await connection.fetch(
        """
        select a.id, a.agent_type from public.agents a join public.users u on u.id = a.supervisor_id
        where u.email in ('supervisor1@example.com', 'supervisor2@example.com') and a.retired_at is null
        order by a.agent_type, a.slot
        """
    )
    return [(await create_for(connection, row["id"], hint="demo"), row["agent_type"]) for row in rows]


async def create_for_replay(
    connection: Connection, emails: Sequence[str], mcp_tools: dict[str, Any]
) -> list[tuple[str, Channel]]:
    """Three agents for each of these supervisors, made where missing, and a new (key, agent_type) of each.

    Agents of an earlier replay get the tools that they lack. A tool needs permission if it asks in this replay or asked in an
    earlier one. As the database's owner.
    """
    await connection.execute(
        """
        insert into public.agents (supervisor_id, name, agent_type, system_prompt, mcp_tools)
        select u.id, initcap(u.supervisor_type) || ' ' || u.username || ' ' || n, u.supervisor_type,
          'You play a recorded conversation.', $2::text::jsonb
        from public.users u cross join generate_series(1, 3) n
        where u.email = any ($1) and (select count(*) from public.agents a
          where a.supervisor_id = u.id and a.retired_at is null) = 0
        """,
        list(emails),
        json.dumps(mcp_tools),
    )
    await connection.execute(
        """
        insert into public.agent_tools (agent_id, tool_name, requires_permission)
        select a.id, t.name, t.requires_permission
        from public.agents a join public.users u on u.id = a.supervisor_id
          cross join jsonb_to_recordset($2::text::jsonb -> 'tools') t (name text, requires_permission boolean)
        where u.email = any ($1) and a.retired_at is null
        on conflict (agent_id, tool_name) do update set requires_permission = true
          where excluded.requires_permission and not agent_tools.requires_permission
        """,
        list(emails),
        json.dumps(mcp_tools),
    )
    await connection.execute(
        """
        update public.agent_keys k set revoked_at = now() from public.agents a join public.users u
          on u.id = a.supervisor_id
        where k.agent_id = a.id and u.email = any ($1) and k.revoked_at is null
        """,
        list(emails),
    )
    rows = await connection.fetch(
        """
        select a.id, a.agent_type from public.agents a join public.users u on u.id = a.supervisor_id
        where u.email = any ($1) and a.retired_at is null order by u.email, a.slot
        """,
        list(emails),
    )
    return [(await create_for(connection, row["id"], hint="replay"), row["agent_type"]) for row in rows]
