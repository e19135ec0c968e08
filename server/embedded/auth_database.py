"""The Auth service's connections, opened at the first request because a mounted application has no start-up."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from starlette.applications import Starlette

Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"


class AuthDatabase:
    """A pool as role `supabase_auth_admin`, opened at the first request and closed by the owner of the application."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection in a transaction."""
        pool = self._pool or await self._open()
        async with pool.acquire(timeout=10) as connection, connection.transaction():
            yield connection

    async def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def _open(self) -> "asyncpg.Pool[asyncpg.Record]":
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._url, min_size=0, max_size=8, init=_understand_json, command_timeout=30, timeout=10
                )
            return self._pool


async def _understand_json(connection: Any) -> None:
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)


def database_of(app: Starlette) -> AuthDatabase:
    """The pool of this Auth service."""
    database: AuthDatabase = app.state.database
    return database
