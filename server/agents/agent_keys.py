"""Keys of the agent API: shown once, stored as a hash."""

import datetime as dt
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID, uuid4

from server.agents import agents
from server.errors import Invalid, NotFound
from server.kernel.auth import digest
from server.kernel.db import Connection, Record

Channel = Literal["voice", "chat"]


_KEYS = """
select k.id, a.name as agent, coalesce(u.username, u.name) as supervisor, k.name, k.hint, k.created_at, k.revoked_at, k.last_used_at,
  a.retired_at is not null as retired
from public.agent_keys k join public.agents a on a.id = k.agent_id join public.users u on u.id = a.supervisor_id
where ($1::text is null or a.id::text = lower($1) or a.name = $1)
"""


@dataclass(frozen=True, slots=True)
class AgentKey:
    """A key and its agent. Times are in UTC."""

    id: UUID
    agent: str
    supervisor: str
    name: str
    hint: str
    created_at: dt.datetime
    revoked_at: dt.datetime | None
    last_used_at: dt.datetime | None  # to the minute
    retired: bool  # the agent is retired, so its keys are invalid


async def create(connection: Connection, agent: str, name: str = "") -> str:
    """Make a key of the agent with this id or unique name, as the database's owner; return it.

    NotFound when there is no such agent, Invalid when several have that name.
    """
    found = await agents.named(connection, agent)
    return await create_for(connection, found["id"], name=name)


async def read(connection: Connection, agent: str | None) -> list[AgentKey]:
    """All keys, or those of agents with this id or name, newest first; as the database's owner.

    NotFound when there is no such agent.
    """
    rows = await connection.fetch(_KEYS + "order by k.created_at desc, k.id", agent)
    if agent is not None and not rows:
        await _check_agent(connection, agent)
    return [AgentKey(**row) for row in rows]


async def revoke(connection: Connection, key: str, agent: str | None) -> tuple[AgentKey, bool]:
    """Revoke the key with this id or hint, as the database's owner; return it, and whether this call revoked it.

    Of several keys with this hint, the one that is not revoked yet is chosen. NotFound when there is none, Invalid when
    several are not revoked.
    """
    if agent is not None:
        await _check_agent(connection, agent)
    matches = "and (k.id::text = lower($2) or k.hint in ($2, 'fw_…' || $2))"
    async with connection.transaction():
        rows = await connection.fetch(
            f"{_KEYS} {matches} order by k.revoked_at desc nulls first for update of k", agent, key
        )
        found = [AgentKey(**row) for row in rows]
        if not found:
            raise NotFound(f"There is no key {key!r}" + (f" of agent {agent!r}." if agent else "."))
        working = [one for one in found if one.revoked_at is None]
        if len(working) > 1:
            ids = ", ".join(f"{one.id} ({one.agent})" for one in working)
            raise Invalid(f"Several valid keys match {key!r}: use one of the ids {ids}.")
        if working:
            await connection.execute(
                "update public.agent_keys set revoked_at = now() where id = $1", working[0].id
            )
    return found[0], bool(working)


async def _check_agent(connection: Connection, agent: str) -> None:
    there = "select exists (select from public.agents where id::text = lower($1) or name = $1)"
    if not await connection.fetchval(there, agent):
        raise NotFound(f"There is no agent {agent!r}.")


async def create_for(
    connection: Connection, agent_id: UUID, hint: str = "", *, name: str = "", key_id: UUID | None = None
) -> str:
    """Make a key of this agent, as an admin or the database's owner; return it.

    Conflict when the agent is retired, or a key with this id exists; Invalid for a template.
    """
    key = "fw_" + secrets.token_urlsafe(32)
    await connection.execute(
        "insert into public.agent_keys (id, agent_id, key_hash, hint, name) values ($1, $2, $3, $4, $5)",
        key_id or uuid4(),
        agent_id,
        digest(key),
        hint or f"fw_…{key[-4:]}",
        name,
    )
    return key


async def listed(connection: Connection, agent_id: UUID) -> Sequence[Record]:
    """The keys of an agent as an admin sees them: those that work first, then the newest first."""
    return await connection.fetch(
        """
        select k.id, k.name, k.hint, k.created_at, k.revoked_at, k.last_used_at, u.name as creator,
          k.last_used_at > now() - interval '2 minutes' as in_use
        from public.agent_keys k left join public.users u on u.id = k.created_by
        where k.agent_id = $1 order by k.revoked_at desc nulls first, k.created_at desc, k.id limit 50
        """,
        agent_id,
    )


async def revoke_one(connection: Connection, agent_id: UUID, key_id: UUID) -> str:
    """Revoke a key as an admin; return its hint. Repeating it changes nothing. NotFound."""
    hint: str | None = await connection.fetchval(
        "select hint from public.agent_keys where agent_id = $1 and id = $2", agent_id, key_id
    )
    if hint is None:
        raise NotFound("There is no such key.")
    await connection.execute(
        "update public.agent_keys set revoked_at = now() where id = $1 and revoked_at is null", key_id
    )
    return hint
