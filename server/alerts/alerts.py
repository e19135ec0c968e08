"""What the rules found: the list of alerts, and their acknowledgement."""

from collections.abc import Sequence
from uuid import UUID

from server.kernel.db import Connection, Record

LIST = 100  # alerts that the page shows


async def read(connection: Connection) -> Sequence[Record]:
    """The alerts that the viewer sees, open ones first, then the newest."""
    return await connection.fetch(
        """
        select * from (
          (select a.*, true as open from public.alerts a where a.closed_at is null order by a.opened_at desc limit $1)
          union all
          (select a.*, false from public.alerts a where a.closed_at is not null order by a.opened_at desc limit $1)) a
        join lateral (
          select u.username, g.name as agent_name from public.users u
            left join public.interactions i on i.id = a.interaction_id left join public.agents g on g.id = i.agent_id
          where u.id = a.supervisor_id) of on true
        order by a.open desc, a.acknowledged_at is not null, a.opened_at desc limit $1
        """,
        LIST,
    )


async def acknowledge(connection: Connection, alert_id: UUID) -> str:
    """Acknowledge an alert once; the name of who did. NotFound for one that the viewer does not see."""
    name: str = await connection.fetchval("select public.acknowledge_alert($1)", alert_id)
    return name
