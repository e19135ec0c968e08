"""All interactions that match, as lines of a CSV file."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

from server.interactions.interaction_search import PARTIAL_ORDERS, Chosen, Place
from server.kernel.db import Caller, Database, Record

_BATCH = 10_000
# Connections that all files of a process take together, so that others are left for the pages.
_connections = asyncio.Semaphore(3)

# Made by private.interaction_cells, but for the names of agent and supervisor.
_COLUMNS = (
    "started_at", "ended_at", "duration_seconds", "agent_name", "username", "interaction_type", "customer", "status", "end_reason", "satisfaction",
    "sentiment", "csat_score", "issues_open", "topics", "tags", "summary", "allowed", "denied", "expired", "automatic", "flag", "is_test", "id",
)  # fmt: skip
# With nested loops, which the planner chooses because it expects few rows, each line would be compared with each name.
_PLANNED = "set local enable_nestloop = off"
_LINES = """
with f as materialized (
  select f.*, f.ordinality as n from private.find_interactions($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) with ordinality f
), a as materialized (
  select id, private.csv_cell(name) as cell from public.agents where id = any(array(select distinct agent_id from f))
), u as materialized (
  select id, private.csv_cell(username) as cell from public.users where id = any(array(select distinct supervisor_id from f))
), last as (
  select place, interaction_id, n from f order by n desc limit 1)
select string_agg(concat_ws(',', f.cells[1], a.cell, u.cell, f.cells[2]), e'\\r\\n' order by f.n) as lines,
  (select n from last) as found, (select place from last) as place, (select interaction_id from last) as id
from f join a on a.id = f.agent_id join u on u.id = f.supervisor_id
"""


async def everything(db: Database, viewer: Caller, chosen: Chosen, *, part: bool) -> AsyncIterator[str]:
    """A head, then lines in the order of the filters, in batches; each is a transaction of its own, so a slow reader holds no connection.

    The next batch is read while one is sent. An order that leaves out what has no value is that of a page: the file has all,
    the newest first.
    """
    yield ",".join(_COLUMNS) + "\r\n"
    if chosen.none_ended:
        return
    if chosen.filters.sort in PARTIAL_ORDERS:
        chosen = replace(chosen, filters=replace(chosen.filters, sort="started", up=""))
    reading = asyncio.create_task(_batch(db, viewer, chosen, None, part=part))
    try:
        while True:
            batch = await reading
            more, place = batch["found"] == _BATCH, (batch["place"], batch["id"])
            if more:
                reading = asyncio.create_task(_batch(db, viewer, chosen, place, part=part))
            if batch["lines"]:
                yield batch["lines"] + "\r\n"
            if not more:
                return
    finally:  # the reader may have gone
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _batch(db: Database, viewer: Caller, chosen: Chosen, place: Place | None, *, part: bool) -> Record:
    async with _connections, db.as_viewer(viewer) as connection:
        await connection.execute(_PLANNED)
        batch = await connection.fetchrow(_LINES, *chosen.asked(place, _BATCH, part=part))
    assert batch is not None
    return batch
