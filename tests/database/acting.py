"""Act in the database as a person, an agent's key, anon or the service key; always rolled back."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeAlias

import asyncpg
import pytest

from server.kernel.auth import digest
from tests.app_server import Agent, AppServer, Person

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
REFUSED = "42501"


@asynccontextmanager
async def acting(
    app_server: AppServer, role: str, claims: dict[str, Any] | str | None = None, *, keep: bool = False
) -> AsyncIterator[Connection]:
    """A transaction as this role with these claims; rolled back unless it is to be kept."""
    login = "postgres" if role in ("anon", "service_role") else "floorwalker_web"
    text = claims if isinstance(claims, str) else json.dumps(claims or {})
    async with app_server.database(login) as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.execute(
                "select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)", role, text
            )
            yield connection
        except BaseException:
            await transaction.rollback()
            raise
        else:
            await (transaction.commit() if keep else transaction.rollback())


@asynccontextmanager
async def as_person(
    app_server: AppServer, person: Person, *, keep: bool = False
) -> AsyncIterator[Connection]:
    claims = {"sub": str(person.id), "role": "authenticated"}
    async with acting(app_server, "authenticated", claims, keep=keep) as connection:
        yield connection


@asynccontextmanager
async def as_agent(app_server: AppServer, agent: Agent, *, keep: bool = False) -> AsyncIterator[Connection]:
    async with app_server.database() as owner:
        key_id = await owner.fetchval("select id from agent_keys where key_hash = $1", digest(agent.key))
    async with acting(app_server, "agent_runtime", {"key_id": str(key_id)}, keep=keep) as connection:
        yield connection


@asynccontextmanager
async def as_owner(
    app_server: AppServer, *, isolation: Literal["read_committed", "repeatable_read"] = "read_committed"
) -> AsyncIterator[Connection]:
    """The owner's transaction, rolled back; it may change times and history."""
    async with app_server.database() as connection:
        transaction = connection.transaction(isolation=isolation)
        await transaction.start()
        try:
            yield connection
        finally:
            await transaction.rollback()


async def become(connection: Connection, person: Person) -> None:
    """Within the owner's transaction: see with this person's rights from here on."""
    await connection.execute(
        "select set_config('role', 'authenticated', true), set_config('request.jwt.claims', $1, true)",
        json.dumps({"sub": str(person.id), "role": "authenticated"}),
    )


@asynccontextmanager
async def refused(connection: Connection, *states: str) -> AsyncIterator[None]:
    """The block is refused with one of these SQLSTATEs, and the transaction continues."""
    savepoint = connection.transaction()
    await savepoint.start()
    try:
        with pytest.raises(asyncpg.PostgresError) as raised:
            yield
    finally:
        await savepoint.rollback()
    assert raised.value.sqlstate in states, raised.value
