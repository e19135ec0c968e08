"""The guided set-up of an agent: what arrived of it while it waits for the first call."""

from uuid import UUID

from server.kernel.db import Connection


async def wait(connection: Connection, agent_id: UUID, *, waiting: bool) -> None:
    """Begin or end the time in which the interactions of an agent are tests. NotFound."""
    await connection.execute("select id from public.set_agent_setup($1, $2)", agent_id, waiting)
