"""Interaction turns: the live transcript."""

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from server.interactions import interactions
from server.kernel.db import Connection


async def add(
    connection: Connection, interaction_id: UUID, turns: Sequence[tuple[dt.datetime, str, str]]
) -> int:
    """Store (captured_at, speaker, text) rows; how many were new. Conflict when the interaction has ended.

    NotFound when it is not the caller's.
    """
    rows = await connection.fetch(
        """
        insert into public.interaction_turns (interaction_id, captured_at, speaker, text)
        select i.id, t.* from public.interactions i, unnest($2::timestamptz[], $3::text[], $4::text[]) t
        where i.id = $1
        on conflict on constraint interaction_turns_once do nothing returning captured_at
        """,
        interaction_id,
        [turn[0] for turn in turns],
        [turn[1] for turn in turns],
        [turn[2] for turn in turns],
    )
    if not rows:
        await interactions.read(connection, interaction_id)
    return len(rows)
