"""What the world outside is told: events that wait for delivery, and how each attempt ended."""

from uuid import UUID

from server.kernel.db import Connection, Database, Record

# Seconds after which an attempt is repeated: at once, and within nine hours six times more.
_AGAIN = (5, 30, 120, 600, 3600, 6 * 3600)


async def take(db: Database, most: int, busy: list[str]) -> list[Record]:
    """At most so many deliveries that are due (id, event_id, url, host, attempt, body), none to a host in `busy`."""
    return await db.call("select * from private.take_deliveries($1, $2)", most, busy)


async def note(db: Database, delivery: Record, *, delivered: bool, status: int | None, answer: str) -> bool:
    """Write down how an attempt ended; return whether there will be no other. 410 Gone ends it, too."""
    attempt = delivery["attempt"]
    again = None if delivered or status == 410 or attempt > len(_AGAIN) else _AGAIN[attempt - 1]
    await db.call(
        "select private.note_delivery($1, $2, $3, $4, $5, $6)",
        delivery["id"],
        attempt,
        delivered,
        status,
        answer,
        again,
    )
    return again is None


async def latest(connection: Connection, agent_id: UUID) -> list[Record]:
    """The last five deliveries of an agent, newest first."""
    return await connection.fetch(
        """
        select interaction_id, url, created_at, attempts, next_at, delivered_at, http_status, answer
        from public.webhook_deliveries where agent_id = $1 order by id desc limit 5
        """,
        agent_id,
    )
