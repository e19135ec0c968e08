"""What kernel/db does for speed, beside the plain way: connections, transactions, JSON."""

import json
import time
from collections.abc import Awaitable, Callable

import asyncpg

from server.embedded.postgres import SUPERUSER, Postgres
from server.kernel import db
from server.kernel.db import connections
from tests.bench.by_turns import alternate, alternate_async
from tests.bench.cards import floor
from tests.bench.table import Row
from tests.conftest import a_folder

_SET_UP = f"select {connections._TIMEOUTS}"
_QUESTION = "select c.relname, n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = $1::oid"


async def measure(short: bool) -> list[Row]:
    """Over a real connection to a PostgreSQL on this machine."""
    rows = _json(short=short)
    with a_folder() as folder:
        postgres = Postgres(folder / "home")
        postgres.start()
        try:
            url = postgres.url(SUPERUSER)
            async with db.connect(url) as database, database.kept_connection() as kept:
                rows.append(
                    await alternate_async(
                        "KeptConnection, beside Database.call",
                        lambda: kept.call("select 1"),
                        lambda: database.call("select 1"),
                        short=short,
                        clock=time.perf_counter,
                    )
                )
            async with asyncpg.create_pool(url, min_size=1, reset=connections._reset) as pool:
                rows += await _pool(pool, short=short)
            rows.append(await _statements(url, short=short))
        finally:
            postgres.stop()
    return rows


async def _pool(pool: "asyncpg.Pool[asyncpg.Record]", *, short: bool) -> list[Row]:
    async def acquire() -> None:
        await pool.release(await connections._acquire(pool))

    async def acquire_plainly() -> None:
        await pool.release(await pool.acquire(timeout=5))

    async with pool.acquire() as connection:

        async def transaction() -> None:
            async with connections._transaction(connection, _SET_UP):
                pass

        async def transaction_plainly() -> None:
            async with connection.transaction():
                await connection.execute(_SET_UP)

        begun = await alternate_async(
            "begin and set-up in one round trip, beside transaction() and execute()",
            transaction,
            transaction_plainly,
            short=short,
            clock=time.perf_counter,
        )
    what = "asyncio.timeout around acquire, beside the pool's own"
    return [begun, await alternate_async(what, acquire, acquire_plainly, short=short)]


async def _statements(url: str, *, short: bool) -> Row:
    def asking(connection: "asyncpg.Connection[asyncpg.Record]") -> Callable[[], Awaitable[object]]:
        return lambda: connection.fetch(_QUESTION, 1259)

    kept = await asyncpg.connect(url, statement_cache_size=100)
    plain = await asyncpg.connect(url, statement_cache_size=0)
    try:
        what = "statements prepared once, beside prepared each time"
        return await alternate_async(what, asking(kept), asking(plain), short=short, clock=time.perf_counter)
    finally:
        for connection in (kept, plain):
            await connection.close()


def _json(*, short: bool) -> list[Row]:
    text = json.dumps(floor())
    asked = {
        "claims": "{}",
        "page": "floor",
        "arguments": {"supervisor_id": "x", "known": {}, "urgent": True},
    }
    return [
        alternate(
            "from_json of a floor, beside json.loads",
            lambda: connections._decode(text),
            lambda: json.loads(text),
            short=short,
        ),
        alternate(
            "one JSONEncoder, beside json.dumps",
            lambda: connections._encode(asked),
            lambda: json.dumps(asked, ensure_ascii=False, separators=(",", ":"), default=str),
            short=short,
        ),
    ]
