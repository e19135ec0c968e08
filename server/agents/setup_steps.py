"""The guided set-up of an agent: what arrived of it while it waits for the first call."""

import datetime as dt
from collections.abc import Mapping
from uuid import UUID

from server.kernel.db import Connection

STEPS = {
    "key_accepted": "Key accepted",
    "interaction_opened": "Interaction opened",
    "first_metric": "First metric",
    "permission_requested": "First permission requested",
    "decision_delivered": "Decision delivered",
}


async def wait(connection: Connection, agent_id: UUID, *, waiting: bool) -> None:
    """Begin or end, as an admin, the time in which the interactions of an agent are tests. NotFound."""
    await connection.execute("select id from public.set_agent_setup($1, $2)", agent_id, waiting)


async def begin(connection: Connection, agent_id: UUID) -> None:
    """Begin to wait, as the database's owner, unless the agent waits already."""
    changed = await connection.execute(
        """update public.agents set setup_began_at = clock_timestamp(), setup_ended_at = null
        where id = $1 and (setup_began_at is null or setup_ended_at is not null)""",
        agent_id,
    )
    if changed != "UPDATE 0":
        await connection.execute("delete from public.setup_steps where agent_id = $1", agent_id)


async def arrived(
    connection: Connection, agent_id: UUID
) -> tuple[Mapping[str, dt.datetime], tuple[dt.datetime, str] | None, bool]:
    """The steps that arrived and when, the newest refusal with its time and sentence, and whether the agent still waits."""
    rows = await connection.fetch(
        """select s.step, s.at, concat_ws(' ', s.status, s.detail) as said from public.setup_steps s
        join public.agents a on a.id = $1
        where s.at >= a.setup_began_at and (s.agent_id = $1 or s.agent_id is null) order by s.at""",
        agent_id,
    )
    waits: bool = await connection.fetchval(
        "select setup_ended_at is null from public.agents where id = $1", agent_id
    )
    steps = {row["step"]: row["at"] for row in rows if row["step"] in STEPS}
    refused = [(row["at"], row["said"]) for row in rows if row["step"] == "refused"]
    return steps, refused[-1] if refused else None, waits
