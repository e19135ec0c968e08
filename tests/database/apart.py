"""A database of its own on the app server's PostgreSQL, for tests that commit what would disturb others, and people to fill it."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg

from server.embedded.postgres import SUPERUSER, Postgres
from server.embedded.prepare import prepare
from server.kernel.db import migrations
from tests.app_server import AppServer
from tests.database.acting import Connection

_PEOPLE = """
insert into auth.users (id, email, raw_app_meta_data) select id, id || '@example.com', meta::jsonb from unnest($1::uuid[], $2::text[]) p (id, meta)
"""
_AGENTS = """
insert into public.agents (id, supervisor_id, name, agent_type, system_prompt)
select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $3::text[])
"""


@asynccontextmanager
async def apart(app_server: AppServer, name: str) -> AsyncIterator[str]:
    """A migrated database of this name until the end of the block; its superuser's address."""
    postgres = Postgres(app_server.home)
    ruler = await asyncpg.connect(postgres.url(SUPERUSER))
    try:
        await ruler.execute(f"create database {name}")
        try:
            await prepare(postgres.url(SUPERUSER, name))
            await migrations.migrate(postgres.url("postgres", name))
            yield postgres.url(SUPERUSER, name)
        finally:
            await ruler.execute(f"drop database {name} with (force)")
    finally:
        await ruler.close()


async def add_people(db: Connection, admin: UUID, supervisors: Sequence[tuple[UUID, str, str]]) -> None:
    """An admin and supervisors (id, username, type)."""
    metas = [{"app_role": "admin"}] + [
        {"app_role": "supervisor", "username": name, "supervisor_type": kind} for _, name, kind in supervisors
    ]
    ids = [admin, *(row[0] for row in supervisors)]
    await db.execute(_PEOPLE, ids, [json.dumps(meta) for meta in metas])


async def add_agents(db: Connection, agents: Sequence[tuple[UUID, UUID, str, str]]) -> None:
    """Agents (id, supervisor, name, type)."""
    await db.execute(_AGENTS, *(list(column) for column in zip(*agents, strict=True)))
