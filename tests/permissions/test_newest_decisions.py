"""An admin's text that many rows have is found among the newest: the same rows come as by the index, and the others are not read."""

import json
from collections.abc import AsyncIterator
from typing import NamedTuple
from uuid import UUID

import asyncpg
import pytest

from server.kernel.db.lists import Span
from server.permissions import decision_rows
from server.permissions.decision_rows import Filters
from tests.app_server import AppServer
from tests.database.acting import Connection

ROWS = 6_000
# Four at the same moment. One in six has "otter", twice a moment in a row; the oldest thousand have "heron", two more "magpie"; an agent is called "otter" too.
_DECISIONS = """
insert into public.tool_permissions (interaction_id, agent_id, supervisor_id, tool_name, arguments, arguments_digest, known_tool, requested_at, expires_at,
  status, responded_at, execute_before)
select $1, case when n % 500 = 499 then $3::uuid else $2 end, $4, 'check_order',
  jsonb_build_object('animal', case when n % 12 in (3, 4) then 'otter' when n > $5 - 1000 then 'heron' when n % 3000 = 7 then 'magpie' else 'wolf' end, 'n', n),
  'digest', true, at, at + interval '6 minutes', 'timeout', at, null
from generate_series(1, $5::integer) n cross join lateral (select now() - interval '1 day' - (n / 4) * interval '1 s' as at) t
"""
_INDEX = """
insert into private.decision_search (tool_permission_id, agent_id, requested_at, key)
select id, agent_id, requested_at, private.decision_key(t) from public.tool_permissions t where requested_at < now() - interval '1 day 10 seconds'
"""
_NAMED = "select ids, common from private.decisions_with_text($1, null, null, null, $2, $3, $4)"
_READ = "select coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) from pg_stat_xact_all_tables where relname = 'decision_search'"


class Prepared(NamedTuple):
    """A connection as an admin, and the rows with each text, newest first."""

    connection: Connection
    having: dict[str, list[asyncpg.Record]]


@pytest.fixture
async def prepared(app_server: AppServer) -> AsyncIterator[Prepared]:
    """Many decisions and no others; all undone afterwards."""
    person, admin = await app_server.hire("voice", agents=2), await app_server.hire("admin")
    interaction = await app_server.start(person.agents[0])
    async with app_server.database("supabase_admin") as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.execute("set local session_replication_role = replica")
            await connection.execute("delete from public.tool_permissions")
            await connection.execute("delete from private.decision_search")
            first, second = (agent.id for agent in person.agents)
            await connection.execute("update public.agents set name = 'An otter' where id = $1", second)
            await connection.execute(_DECISIONS, UUID(interaction), first, second, person.id, ROWS)
            await connection.execute(_INDEX)  # all but the newest
            await connection.execute("analyze public.tool_permissions, private.decision_search")
            having = {
                text: await connection.fetch(
                    """select t.id, t.requested_at from public.tool_permissions t join public.agents a on a.id = t.agent_id
                    where t.arguments::text like $1 or a.name like $1 order by t.requested_at desc, t.id desc""",
                    f"%{text}%",
                )
                for text in ("otter", "heron", "magpie", "wolf", "walrus")
            }
            await connection.execute(
                "select set_config('role', 'authenticated', true), set_config('request.jwt.claims', $1, true)",
                json.dumps({"sub": str(admin.id), "role": "authenticated"}),
            )
            yield Prepared(connection, having)
        finally:
            await transaction.rollback()


async def test_the_first_rows_are_named_from_any_place_both_ways(prepared: Prepared) -> None:
    connection, having = prepared
    assert [len(rows) for rows in having.values()] == [1008, 834, 2, 4164, 0]
    for text, rows in having.items():
        for place in [None, *(row["requested_at"] for row in rows[5 :: max(len(rows) // 4, 1)])]:
            for forward in (False, True):
                from_place = [
                    row["id"]
                    for row in (reversed(rows) if forward else rows)
                    if place is None
                    or (row["requested_at"] >= place if forward else row["requested_at"] <= place)
                ]
                for limit in (1, 7, 61, 400):
                    named = await connection.fetchrow(_NAMED, text, place, forward, limit)
                    assert named is not None
                    if named["ids"] is None:
                        assert named["common"] is True
                    else:
                        assert named["ids"] == from_place[:limit], (text, place, forward, limit)


async def test_of_a_text_in_one_of_six_rows_only_the_newest_are_read(prepared: Prepared) -> None:
    connection, having = prepared
    before = await connection.fetchval(_READ)
    assert (
        len(await connection.fetchval(_NAMED.replace("ids, common", "ids"), "otter", None, False, 61)) == 61
    )
    assert await connection.fetchval(_READ) - before <= 61 * 6 * 3
    # The newest do not have it: those that were read are not called all.
    named = await connection.fetchrow(_NAMED, "heron", None, False, 61)
    assert named is not None
    assert named["ids"] is None
    assert named["common"]
    assert len(having["heron"]) > 61


@pytest.mark.parametrize("text", ["otter", "heron", "magpie", "walrus"])
async def test_pages_through_all_of_them(prepared: Prepared, text: str) -> None:
    connection, having = prepared
    pages, before = list[list[UUID]](), ""
    while True:
        rows, more = await decision_rows.listed(
            connection, Filters(q=text), Span(None, None, "UTC"), before=before
        )
        pages.append([row["id"] for row in rows])
        if not more:
            break
        before = decision_rows.cursor_of(rows[-1])
    assert [one for page in pages for one in page] == [row["id"] for row in having[text]]
    if len(pages) > 1:
        after = decision_rows.cursor_of(rows[0])
        rows, _ = await decision_rows.listed(
            connection, Filters(q=text), Span(None, None, "UTC"), after=after
        )
        assert [row["id"] for row in rows] == pages[-2]
