"""The history by a filter that few decisions pass reads those few, and not everybody's rows."""

import json
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from server.kernel.db.lists import Span
from server.permissions import decision_rows
from server.permissions.decision_rows import Filters
from tests.app_server import AppServer
from tests.database.acting import Connection

MANY, FEW = 5_000, 200
# Of a thousand people, each decided within a second by its supervisor; each ran, and ten failed.
_DECISIONS = """
with people as (
  insert into public.users (id, email, role, name, username, supervisor_type)
  select gen_random_uuid(), 'person' || n || '@example.com', 'supervisor', 'Person ' || n, 'person' || n, 'voice' from generate_series(1, 1000) n
  returning id, substr(username, 7)::integer - 1 as place
)
insert into public.tool_permissions (interaction_id, agent_id, supervisor_id, tool_name, arguments, arguments_digest, known_tool, requested_at, expires_at,
  status, responded_at, responded_by, responded_by_name, execute_before, execution_id, executed_at, execution_succeeded, execution_reported_at)
select $1, $2, p.id, 'check_order', '{}', 'digest', true, at, at + interval '6 minutes', 'allowed', at + interval '1 s', p.id, 'usual',
  at + interval '2 minutes', gen_random_uuid(), at + interval '2 s', n % 500 > 0, at + interval '3 s'
from generate_series(1, $3::integer) n cross join lateral (select now() - n * interval '1 s' as at) t join people p on p.place = n % 1000
"""
_READ = "select coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) from pg_stat_xact_all_tables where relname = 'tool_permissions'"


@pytest.fixture
async def admins(app_server: AppServer) -> AsyncIterator[Connection]:
    """A connection as an admin, with many decisions and no others; all undone afterwards."""
    person, admin = await app_server.hire("voice"), await app_server.hire("admin")
    interaction = await app_server.start(person.agents[0])
    async with app_server.database("supabase_admin") as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.execute("set local session_replication_role = replica")
            await connection.execute("delete from public.tool_permissions")
            await connection.execute(_DECISIONS, UUID(interaction), person.agents[0].id, MANY)
            await connection.execute("analyze public.tool_permissions")
            await connection.execute(
                "select set_config('role', 'authenticated', true), set_config('request.jwt.claims', $1, true)",
                json.dumps({"sub": str(admin.id), "role": "authenticated"}),
            )
            yield connection
        finally:
            await transaction.rollback()


async def read(connection: Connection, filters: Filters) -> int:
    """How many rows of tool permissions a page with these filters reads."""
    before: int = await connection.fetchval(_READ)
    await decision_rows.listed(connection, filters, Span(None, None, "UTC"))
    after: int = await connection.fetchval(_READ)
    return after - before


@pytest.mark.parametrize(
    "filters",
    [
        Filters(status="cancelled"),
        Filters(tool="nothing"),
        Filters(who="nobody"),
        Filters(how="limit"),
        Filters(executed="failed"),
        Filters(executed="started"),
        Filters(executed="not"),
        Filters(late="yes"),
        Filters(status="timeout", who="usual"),
        Filters(executed="succeeded", how="refused"),
    ],
    ids=lambda filters: "&".join(f"{name}={value}" for name, value in filters.chosen.items()),
)
async def test_what_few_decisions_have_is_read_alone(admins: Connection, filters: Filters) -> None:
    assert await read(admins, filters) <= FEW


async def test_a_filter_without_an_index_is_noticed(admins: Connection) -> None:
    before: int = await admins.fetchval(_READ)
    await admins.fetch(
        "select from public.tool_permissions where reason = 'x' order by requested_at limit 51"
    )
    assert await admins.fetchval(_READ) - before >= MANY
