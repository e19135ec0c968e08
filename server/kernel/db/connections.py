"""The pool, and as_viewer(): the only kind of transaction that a request may use.

A transaction begins by becoming a caller, in one round trip where asyncpg's own would need two. No lock and no setting
outlives its transaction, because behind a transaction pooler it would stay with a server connection that no client
holds. The leader's lock is the exception (live/listener.py), on a connection that has proven to be a session.
"""

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

# SQLSTATEs of our own: FW and the HTTP status with the same meaning.
ERRORS: dict[str, type[RequestError]] = {
    "FW403": Forbidden,
    "FW404": NotFound,
    "FW409": Conflict,
    "FW422": Invalid,
    "FW429": TooMany,
}
# The comment of a constraint is the sentence that says what it demands. A unique index that is no constraint has one too.
_SENTENCES = """
select n.nspname::text, t.relname::text, o.name::text, d.description
from (select oid, 'pg_catalog.pg_constraint'::regclass as kind, conrelid as relation, conname as name from pg_catalog.pg_constraint
      union all select i.indexrelid, 'pg_catalog.pg_class'::regclass, i.indrelid, c.relname
      from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid where i.indisunique) o
join pg_catalog.pg_description d on (d.objoid, d.classoid, d.objsubid) = (o.oid, o.kind, 0)
join pg_catalog.pg_class t on t.oid = o.relation
join pg_catalog.pg_namespace n on n.oid = t.relnamespace where n.nspname not in ('pg_catalog', 'auth')
"""
# Unique, foreign key (two kinds), exclusion: the request contradicts existing rows.
_TAKEN = ("23505", "23503", "23001", "23P01")
Sentences: TypeAlias = dict[tuple[str, str, str], str]  # schema, table, constraint → its sentence

_CALL = 15.0  # seconds that a call may take
_ASK_AGAIN = 5  # seconds after which a request that FW429 refused may succeed

log = structlog.get_logger(__name__)


class Caller(Protocol):
    """Who makes a request: a person (role authenticated) or an agent (role agent_runtime)."""

    @property
    def database_role(self) -> str: ...

    @property
    def claims(self) -> str: ...


class Database:
    """The connections of the web process. Their role owns nothing: without a caller, tables refuse it."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", sentences: Sentences) -> None:
        self._pool = pool
        self._sentences = sentences

    @asynccontextmanager
    async def as_viewer(self, caller: Caller) -> AsyncIterator[Connection]:
        """Open a transaction that sees rows through the row-level security of the caller."""
        become = BECOME % (_literal(caller.database_role), _literal(caller.claims))
        with translated_errors(self._sentences):
            async with self._connection() as connection, _transaction(connection, become):
                yield connection

    @asynccontextmanager
    async def as_server(self) -> AsyncIterator[Connection]:
        """Open a transaction of the web process itself, which may only call the functions granted to it."""
        with translated_errors(self._sentences):
            async with self._connection() as connection, _transaction(connection, f"select {_TIMEOUTS}"):
                yield connection

    async def call(self, query: str, *arguments: object) -> list[Record]:
        """Call a function granted to the web process, in one round trip.

        Functions that an agent or a viewer waits for become the caller themselves: one round trip instead of five.
        """
        with translated_errors(self._sentences):
            async with self._connection() as connection:
                return await connection.fetch(query, *arguments, timeout=_CALL)

    @asynccontextmanager
    async def kept_connection(self) -> AsyncIterator["KeptConnection"]:
        """Keep one connection for a task that queries continuously."""
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
    """One connection of the pool that is kept by a task.

    To take a connection from asyncpg's pool and return it costs a task and as much as a short query, so a short query is
    answered 1.7 times as fast (bench optimisations, 2026-11-28).
    """

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", sentences: Sentences) -> None:
        self._pool = pool
        self._sentences = sentences
        self._connection: PoolConnectionProxy[asyncpg.Record] | None = None

    async def call(self, query: str, *arguments: object) -> list[Record]:
        """Like Database.call; one query at a time."""
        with translated_errors(self._sentences):
            if self._connection is None or _lost(self._connection):
                self._connection = await _acquire(self._pool)
            try:
                return await self._connection.fetch(query, *arguments, timeout=_CALL)
            except BaseException:
                # After any error, the pool checks whether the connection is usable.
                await self.give_back()
                raise

    async def give_back(self) -> None:
        """Give the connection back; the next call takes another one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await self._pool.release(connection)


def _lost(connection: "PoolConnectionProxy[asyncpg.Record]") -> bool:
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        return True  # the pool has taken it back already


async def _acquire(pool: "asyncpg.Pool[asyncpg.Record]") -> "PoolConnectionProxy[asyncpg.Record]":
    # With release() it is 1.08 times as fast as with the pool's own timeout (bench optimisations).
    async with asyncio.timeout(5):
        return await pool.acquire()


@asynccontextmanager
async def _transaction(connection: Connection, first: str) -> AsyncIterator[None]:
    """Like asyncpg's own transaction, but its begin shares a round trip with its settings.

    With its commit it is 1.2 times as fast (bench optimisations).
    """
    try:
        await connection.execute(f"begin; {first}")
        yield
        await connection.execute("commit")
    except BaseException:
        try:
            if not connection.is_closed():
                await connection.execute("rollback")  # whether it has begun is unknown after a cancellation
        except BaseException:
            connection.terminate()  # otherwise the next user would be inside this transaction
            raise
        raise


def _literal(text: str) -> str:
    if "\\" in text or "\x00" in text:
        raise ValueError("a role or claims with a character that no id has")
    return "'" + text.replace("'", "''") + "'"


@asynccontextmanager
async def connect(url: str, *, size: int = 10) -> AsyncIterator[Database]:
    """Open the pool. It connects when needed, so the database may start later than the server."""
    sentences: Sentences = {}

    async def init(connection: asyncpg.Connection) -> None:
        await _init(connection)
        sentences.update(await read_sentences(connection))

    pool = asyncpg.create_pool(
        url,
        min_size=0,
        max_size=size,
        max_queries=2**31 - 1,  # never renewed, because a new connection has to prepare every statement again
        connect=_ConnectionFactory().connect,
        init=init,
        reset=_reset,
        command_timeout=30,
        timeout=5,
    )
    async with pool:
        yield Database(pool, sentences)


class _ConnectionFactory:
    """Finds out whether the database is reached directly or through a pooler, which an address does not tell.

    When a connection opens, PostgreSQL sends the id of its backend process; a pooler sends an id that it made up. A
    transaction pooler may run each transaction on another server connection, where prepared statements are missing, so
    behind one nothing is prepared. A prepared join of two tables is answered 5 times as fast (bench optimisations).
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
    """Whether the backend that answers is the process that was named at the greeting.

    The answer is the number of rows, so that nothing has to be prepared, whatever is in between.
    """
    pid = connection.get_server_pid()
    return await connection.execute(f"select where pg_catalog.pg_backend_pid() = {int(pid)}") == "SELECT 1"


@asynccontextmanager
async def as_owner(url: str, *, reads_json: bool = False) -> AsyncIterator[Connection]:
    """A transaction of the database's owner, for commands. Never for a request.

    JSON is text, or with `reads_json` the values of Python, as in the web process.
    """
    sentences: Sentences = {}
    with translated_errors(sentences):
        connection = await asyncpg.connect(url, timeout=10, statement_cache_size=0)
        try:
            sentences |= await read_sentences(connection)
            if reads_json:
                await _init(connection)
            async with connection.transaction():
                yield connection
        finally:
            await connection.close()


async def _init(connection: asyncpg.Connection) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, encoder=_encode, decoder=_decode, schema="pg_catalog")


async def read_sentences(connection: Connection) -> Sentences:
    """The sentences of constraints, for `savepoint`."""
    rows = await connection.fetch(_SENTENCES)
    return {(schema, table, name): sentence for schema, table, name, sentence in rows}


async def _reset(connection: asyncpg.Connection) -> None:
    """Do nothing, because all state of a request is local to its transaction."""


def _decode(text: str) -> Any:
    # from_json is 2.7 times as fast as json.loads (bench optimisations), but refuses JSON with hundreds of levels.
    try:
        return from_json(text)
    except ValueError:
        return json.loads(text)


# One encoder for all is 1.4 times as fast as json.dumps(), which makes a new one each time (bench optimisations).
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode


@contextmanager
def translated_errors(sentences: Sentences | None = None) -> Iterator[None]:
    """Translate errors of PostgreSQL into those of `errors`."""
    try:
        yield
    except asyncpg.PostgresError as error:
        raise _translated(error, sentences or {}) from error
    except asyncpg.UnsupportedClientFeatureError:
        raise  # a bug in the calling code, not a fault of the database
    except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        if isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError):
            raise Invalid(f"a value cannot be stored: {error}") from error
        raise Unavailable("the database does not answer, please try again", 2) from error


async def check(name: str, url: str, query: str) -> None:
    """Connect and run a query, at start. Unavailable with a sentence that names the setting and what to do."""
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
    """A connection for checks. Each statement may pass a pooler and is a transaction of its own.

    Unavailable with a sentence that names the setting and what to do.
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
        case ValueError():  # its text may contain a part of the password
            why = (
                "it is no address of PostgreSQL, postgresql://role:password@host:5432/postgres, "
                "with the special characters of a password as %40"
            )
        case _:
            why = str(error).split("\n")[0] or type(error).__name__
    advice = "check the address, the role and its password"
    return Unavailable(f"{name} ({where(url)}) cannot be used: {why}; {advice}")


def where(url: str) -> str:
    """Host and database of an address, in any spelling, without the password."""
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
        # Connection lost, database being replaced, resources used up, notification queue full (54000), shutting down,
        # deadlock, lock time-out.
        case "08" | "3D" | "53" | "54" | "57" | "40" | "55":
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
    """The sentence of the constraint that was violated."""
    schema, table, constraint, column = (
        getattr(error, f"{what}_name", None) or "" for what in ("schema", "table", "constraint", "column")
    )
    if sentence := sentences.get((schema, table, constraint)):
        return sentence
    if error.sqlstate == "23502":
        return f"{column} is missing"
    return f"not accepted ({constraint})" if constraint else "not accepted"
