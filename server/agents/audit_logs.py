"""The audit of one agent: who did what with it, its tools and its keys, and when."""

import datetime as dt
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from server.kernel.db import Connection, Record

_LIMIT = 30
# Roles of the database, as people know them.
_MACHINES = {
    "postgres": "the server's owner",
    "supabase_admin": "the server's owner",
    "service_role": "a program",
}

_DONE = {
    "agents.insert": "made the agent",
    "agent_tools.insert": "added the tool",
    "agent_tools.update": "changed the tool",
    "agent_keys.insert": "made the key",
}


def _told(row: Record) -> list[tuple[dt.datetime, str, str]]:
    """An entry in words: when, who, what. None where the page shows it elsewhere."""
    changes: Mapping[str, Any] = row["changes"]
    done = _DONE.get(row["action"])
    match row["action"], changes:
        case "agents.update", {"paused_at": [_, after]}:
            done = "resumed it" if after is None else "paused it"
        case "agents.update", {"supervisor_id": _}:
            done = "moved it to another supervisor"
        case "agents.update", {"retired_at": _}:
            done = "retired it"
        case "agents.update", {"setup_ended_at": [_, str()]}:
            done = "finished the set-up"
        case "agents.update", {"setup_began_at": _}:
            done = "began the set-up"
        case "agents.update", {"name": [before, after]}:
            done = f"renamed it from {before} to {after}"
        case "agent_keys.update", {"revoked_at": _}:
            done = "revoked a key"
        case "agent_keys.insert", {"name": [_, name]} if name:
            done = f"made the key {name}"
        case "agent_tools.insert", {"tool_name": [_, name]}:
            done = f"added the tool {name}"
        case "agent_tools.delete", {"tool_name": [name, _]}:
            done = f"removed the tool {name}"
        case "agent_tools.update", {"secret_set_at": _}:
            done = "changed the secret of a tool"
        case "agent_tools.update", _:
            fields = ", ".join(name.replace("_", " ") for name in changes)
            done = f"changed a tool: {fields}"
    return [(row["at"], named(row["actor"]), done)] if done else []


def named(actor: str | None) -> str:
    """Who it was, as the audit or a version stores it, in words."""
    return _MACHINES.get(actor or "", actor or "unknown")


async def of_agent(connection: Connection, agent_id: UUID) -> list[tuple[dt.datetime, str, str]]:
    """The newest entries as time, actor and words; versions have a list of their own."""
    rows = await connection.fetch(
        """
        select l.at, l.actor, l.action, l.changes from public.audit_logs l
        where (l.supervisor_id = (select supervisor_id from public.agents where id = $1) and l.action = 'agent_tools.delete'
            and l.changes -> 'agent_id' ->> 0 = $1::uuid::text) or l.row_id = any (array(
            select $1::uuid union all select id from public.agent_keys where agent_id = $1
            union all select id from public.agent_tools where agent_id = $1)::text[])
        order by l.id desc limit $2
        """,
        agent_id,
        _LIMIT,
    )
    return [entry for row in rows for entry in _told(row)]
