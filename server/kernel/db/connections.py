"""The pool, and as_viewer(): the one kind of transaction a request may use."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Protocol, TypeAlias

import asyncpg
import structlog
from asyncpg.pool import PoolConnectionProxy
from pydantic_core import from_json

from server.errors import Conflict, Forbidden, Invalid, NotFound, RequestError, TooMany, Unavailable

Record: TypeAlias = asyncpg.Record
Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record] | asyncpg.Connection[asyncpg.Record]"

_TIMEOUTS = "set_config('statement_timeout', '10s', true), set_config('lock_timeout', '5s', true)"
BECOME = f"select set_config('role', %s, true), set_config('request.jwt.claims', %s, true), {_TIMEOUTS}"

_WITHOUT_PASSWORD = re.compile(r"\w+://(\[[\da-fA-F:.]+\]|[\w.-]*)(:\d+)?(/[\w-]*)?")

# Our own SQLSTATEs: FW and the HTTP status whose meaning they share.
ERRORS: dict[str, type[RequestError]] = {
    "FW403": Forbidden,
    "FW404": NotFound,
    "FW409": Conflict,
    "FW422": Invalid,
    "FW429": TooMany,
}
# The sentence that says what a constraint demands is its comment; a unique index that is no constraint has one too.
_SENTENCES = """
select n.nspname::text, t.relname::text, o.name::text, d.description
from (select oid, 'pg_catalog.pg_constraint'::regclass as kind, conrelid as relation, conname as name from pg_catalog.pg_constraint
      union all select i.indexrelid, 'pg_catalog.pg_class'::regclass, i.indrelid, c.relname
      from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid where i.indisunique) o
join pg_catalog.pg_description d on (d.objoid, d.classoid, d.objsubid) = (o.oid, o.kind, 0)
join pg_catalog.pg_class t on t.oid = o.relation
join pg_catalog.pg_namespace n on n.oid = t.relnamespace where n.nspname not in ('pg_catalog', 'auth')
"""
# Unique, foreign key (of two kinds), exclusion: what was sent contradicts what is there.
_TAKEN = ("23505", "23503", "23001", "23P01")
Sentences: TypeAlias = dict[tuple[str, str, str], str]  # schema, table, constraint → what it demands

_CALL = 15.0  # seconds that a call may take
_ASK_AGAIN = 5  # seconds after which there may be room again

log = structlog.get_logger(__name__)


class Caller(Protocol):
    """Who makes a request: a person (authenticated) or an agent (agent_runtime)."""

    @property
    def database_role(self) -> str: ...

    @property
    def claims(self) -> str: ...


class Database:
    """The web process's connections. They own nothing: without a caller, tables refuse them."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", sentences: Sentences) -> None:
        self._pool = pool
        self._sentences = sentences

    @asynccontextmanager
    async def as_viewer(self, caller: Caller) -> AsyncIterator[Connection]:
        """Open a transaction in which every row is seen through the caller's row-level security."""
        become = BECOME % (_literal(caller.database_role), _literal(caller.claims))
        with translated_errors(self._sentences):
            async with self._connection() as connection, _transaction(connection, become):
                yield connection

    @asynccontextmanager
    async def as_server(self) -> AsyncIterator[Connection]:
        """Open a transaction of the web process itself, which may only call what it was granted."""
        with translated_errors(self._sentences):
            async with self._connection() as connection, _transaction(connection, f"select {_TIMEOUTS}"):
                yield connection

    async def call(self, query: str, *arguments: object) -> list[Record]:
        """Ask one of the functions granted to the web process, in one round trip; some of them become a caller."""
        with translated_errors(self._sentences):
            async with self._connection() as connection:
                return await connection.fetch(query, *arguments, timeout=_CALL)

    @asynccontextmanager
    async def kept_connection(self) -> AsyncIterator["KeptConnection"]:
        """Keep one connection for a task that asks all the time."""
        kept_connection = KeptConnection(self._pool, self._sentences)
        try:
            yield kept_connection
        finally:
            await kept_connection.give_back()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        connection = await _acquire(self._pool)
        try:
            yield connection
        finally:
            await self._pool.release(connection)


class KeptConnection:
    """One of the pool's connections, kept: a short question is answered 1.7 times as fast (bench optimisations)."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", sentences: Sentences) -> None:
        self._pool = pool
        self._sentences = sentences
        self._connection: PoolConnectionProxy[asyncpg.Record] | None = None

    async def call(self, query: str, *arguments: object) -> list[Record]:
        """As the database's own: one question at a time."""
        with translated_errors(self._sentences):
            if self._connection is None or _lost(self._connection):
                self._connection = await _acquire(self._pool)
            try:
                return await self._connection.fetch(query, *arguments, timeout=_CALL)
            except BaseException:
                await self.give_back()  # whatever it was, the pool knows whether it is still good
                raise

    async def give_back(self) -> None:
        """Give the connection back; the next call gets another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await self._pool.release(connection)


def _lost(connection: "PoolConnectionProxy[asyncpg.Record]") -> bool:
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        return True  # the pool has taken it back already


async def _acquire(pool: "asyncpg.Pool[asyncpg.Record]") -> "PoolConnectionProxy[asyncpg.Record]":
    async with asyncio.timeout(
        5
    ):  # 1.08 times as fast as the pool's own, with release() (bench optimisations)
        return await pool.acquire()


@asynccontextmanager
async def _transaction(connection: Connection, first: str) -> AsyncIterator[None]:
    """What asyncpg's own is, but that it begins together with what sets it up, in one round trip.

    With its commit it is 1.2 times as fast (bench optimisations).
    """
    try:
        await connection.execute(f"begin; {first}")
        yield
        await connection.execute("commit")
    except BaseException:
        try:
            if not connection.is_closed():
                await connection.execute("rollback")  # begun or not: a cancelled call does not know
        except BaseException:
            connection.terminate()  # whoever had it next would be within
            raise
        raise


def _literal(text: str) -> str:
    if "\\" in text or "\x00" in text:
        raise ValueError("a role or claims with a character that no id has")
    return "'" + text.replace("'", "''") + "'"


@asynccontextmanager
async def connect(url: str, *, size: int = 10) -> AsyncIterator[Database]:
    """Open the pool; it makes connections when they are needed, so a database may come later."""
    sentences: Sentences = {}

    async def init(connection: asyncpg.Connection) -> None:
        await _init(connection)
        sentences.update(await _read_sentences(connection))

    pool = asyncpg.create_pool(
        url,
        min_size=0,
        max_size=size,
        max_queries=2**31 - 1,  # a new connection has to learn every question again
        connect=_ConnectionFactory().connect,
        init=init,
        reset=_reset,
        command_timeout=30,
        timeout=5,
    )
    async with pool:
        yield Database(pool, sentences)


class _ConnectionFactory:
    """How the database is reached: directly, or through a pooler, which any address may have behind it.

    A transaction pooler may do each transaction on another server connection, where statements that were prepared
    on one are missing. So only then nothing is kept prepared: a join of two tables is answered 5 times as fast where
    it is (bench optimisations).
    """

    def __init__(self) -> None:
        self.pooled = False

    async def connect(self, *arguments: Any, **options: Any) -> asyncpg.Connection:
        if not self.pooled:
            connection: asyncpg.Connection = await asyncpg.connect(
                *arguments, **options, statement_cache_size=100
            )
            try:
                if await is_direct(connection):
                    return connection
            except BaseException:
                connection.terminate()
                raise
            if not self.pooled:
                self.pooled = True
                log.info("database_reached_through_pooler")
            connection.terminate()
        return await asyncpg.connect(*arguments, **options, statement_cache_size=0)


async def is_direct(connection: Connection) -> bool:
    """Whether who answers is the process that was named at the greeting, where a pooler names one of its own making.

    The answer is in the number of rows: asked so, nothing is prepared, whatever stands in between.
    """
    pid = connection.get_server_pid()
    return await connection.execute(f"select where pg_catalog.pg_backend_pid() = {int(pid)}") == "SELECT 1"


@asynccontextmanager
async def as_owner(url: str) -> AsyncIterator[Connection]:
    """A connection of the database's owner, for the commands of whoever runs the server; never for a request."""
    sentences: Sentences = {}
    with translated_errors(sentences):
        connection = await asyncpg.connect(url, timeout=10, statement_cache_size=0)
        try:
            sentences |= await _read_sentences(connection)
            async with connection.transaction():
                yield connection
        finally:
            await connection.close()


async def _init(connection: asyncpg.Connection) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, encoder=_encode, decoder=_decode, schema="pg_catalog")


async def _read_sentences(connection: Connection) -> Sentences:
    rows = await connection.fetch(_SENTENCES)
    return {(schema, table, name): sentence for schema, table, name, sentence in rows}


async def _reset(connection: asyncpg.Connection) -> None:
    """Do nothing: all state of a request is local to its transaction."""


def _decode(text: str) -> Any:
    try:
        return from_json(
            text
        )  # 2.7 times as fast as json.loads (bench optimisations), but not of hundreds of levels
    except ValueError:
        return json.loads(text)


# One encoder for all is 1.4 times as fast as json.dumps(), which makes one each time (bench optimisations).
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode


@contextmanager
def translated_errors(sentences: Sentences | None = None) -> Iterator[None]:
    """Turn what PostgreSQL says into the words of `errors`."""
    try:
        yield
    except asyncpg.PostgresError as error:
        raise _translated(error, sentences or {}) from error
    except asyncpg.UnsupportedClientFeatureError:
        raise  # a fault of ours, not of the database
    except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        if isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError):
            raise Invalid(f"a value cannot be stored: {error}") from error
        raise Unavailable("the database does not answer, please try again", 2) from error


async def check(name: str, url: str, query: str) -> None:
    """Connect and ask once, at start. Unavailable with a sentence that names the setting and what to do."""
    try:
        async with visit(name, url) as connection:
            await connection.execute(query)
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedFunctionError, asyncpg.InvalidSchemaNameError):
        raise Unavailable(
            f"the database of {name} ({where(url)}) has no schema yet: run `floorwalker migrate`"
        ) from None
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise _unusable(name, url, error) from None


@asynccontextmanager
async def visit(name: str, url: str, seconds: float = 10.0) -> AsyncIterator[Connection]:
    """A connection for whoever looks around; each statement may be through a pooler and is a transaction of its own.

    Unavailable when there is none, with a sentence that names the setting and what to do.
    """
    try:
        connection = await asyncpg.connect(
            url, timeout=seconds, command_timeout=seconds, statement_cache_size=0
        )
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise _unusable(name, url, error) from None
    try:
        yield connection
    finally:
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await connection.close(timeout=1)


def _unusable(name: str, url: str, error: Exception) -> Unavailable:
    match error:
        case TimeoutError():
            why = "no answer in time"
        case ValueError():  # whose words may hold a part of the password
            why = (
                "it is no address of PostgreSQL, postgresql://role:password@host:5432/postgres, "
                "with the special characters of a password as %40"
            )
        case _:
            why = str(error).split("\n")[0] or type(error).__name__
    advice = "check the address, the role and its password"
    return Unavailable(f"{name} ({where(url)}) cannot be used: {why}; {advice}")


def where(url: str) -> str:
    """Host and database of an address: never a password, however the address is written."""
    place, _, query = url.rpartition("@")[2].partition("?")
    if "@" not in url and not _WITHOUT_PASSWORD.fullmatch(place):
        return "no address"
    kept = [pair for pair in query.split("&") if pair.startswith(("host=", "port="))]
    return "?".join(part for part in (place, "&".join(kept)) if part)


def _translated(error: asyncpg.PostgresError, sentences: Sentences) -> Exception:
    state = error.sqlstate or ""
    if known := ERRORS.get(state):
        return known(str(error), _ASK_AGAIN if known is TooMany else None)
    match state[:2]:
        case (
            "08" | "3D" | "53" | "54" | "57" | "40" | "55"
        ):  # gone, being replaced, full (54000: its queue of notifications), shutting down, deadlock, lock timeout
            return Unavailable("the database does not answer, please try again", 2)
        case "22":
            return Invalid("a value cannot be stored: " + str(error).split("\n")[0])
        case "23":
            return (Conflict if state in _TAKEN else Invalid)(_broken(error, sentences))
        case "42" if state == "42501":
            return Forbidden("this is not yours to change")
        case _:
            return error


def _broken(error: asyncpg.PostgresError, sentences: Sentences) -> str:
    """What the constraint demands that was broken."""
    schema, table, constraint, column = (
        getattr(error, f"{what}_name", None) or "" for what in ("schema", "table", "constraint", "column")
    )
    if sentence := sentences.get((schema, table, constraint)):
        return sentence
    if error.sqlstate == "23502":
        return f"{column} is missing"
    return f"not accepted ({constraint})" if constraint else "not accepted"
