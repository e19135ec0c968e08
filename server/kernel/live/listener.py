"""Notifications from PostgreSQL over a LISTEN connection; the leader passes them on over NATS."""

import asyncio
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

import asyncpg
import structlog

from server.kernel.db import translated_errors
from server.kernel.live.follower import Follower
from server.kernel.live.topics import OWN, Topics

if TYPE_CHECKING:  # imported only where FANOUT_URL is set
    from server.kernel.live.fanout import Fanout, NatsConnection

CHANNEL = "floor"
HEARTBEAT = 0.25  # seconds between two checks that the connection still answers
_POLL = 2.0  # seconds between two readings of all topics where notifications do not arrive
_SURE = 0.6  # seconds after its last answer in which a connection counts as working
_NONCE = 2.0  # seconds within which a connection has to deliver the notification that tests it
# Identifies a database. A copy of it, or the same one after a restore or a restart, has another identity.
_DATABASE = """select pg_catalog.concat(oid, ' ', extract(epoch from pg_catalog.pg_postmaster_start_time()))
    from pg_catalog.pg_database where datname = pg_catalog.current_database()"""
_LEADER_LOCK = 5_077_263_190  # any number, the same for every web process of a database
# A machine that loses power does not close its connections. With these, PostgreSQL notices within 20 s and frees the lock.
_KEEPALIVE = """select pg_catalog.set_config(name, value, false) from (values ('tcp_keepalives_idle', '5'),
    ('tcp_keepalives_interval', '5'), ('tcp_keepalives_count', '3')) settings (name, value)"""
# The exceptions that mean that the connection was lost.
LOST = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)

log = structlog.get_logger(__name__)


class Source(Protocol):
    """Where notifications come from. A source ends by returning its successor, and closes what it does not pass on."""

    role: str  # listener, leader or follower
    polling: bool  # notifications do not arrive, so everything is read every two seconds

    @property
    def hears(self) -> bool:
        """Whether notifications arrive, as far as this process can know."""

    async def run(self) -> "Source | None":
        """Receive notifications as long as possible. Return the next source, or None to connect again at once.

        Raise one of LOST when the connection was lost.
        """


class Listener:
    """A LISTEN connection. With NATS it becomes the leader of all processes of the database, or gives way to a follower."""

    role = "listener"

    def __init__(
        self,
        connection: asyncpg.Connection,
        topics: Topics,
        heartbeat: float,
        fanout: "Fanout | None",
    ) -> None:
        self._connection, self._topics, self._heartbeat, self._fanout = connection, topics, heartbeat, fanout
        self.gone = asyncio.Event()
        self.wake = asyncio.Event()  # set when this connection or NATS needs attention
        self.forward: Callable[[str], None] | None = None  # called with every topic as well
        self.polling = False
        self._nonce, self._heard_nonce = f"{OWN}{secrets.token_hex(8)}", asyncio.Event()
        self._answered = 0.0  # monotonic time of its last answer

    @classmethod
    async def open(
        cls, url: str, topics: Topics, *, heartbeat: float = HEARTBEAT, fanout: "Fanout | None" = None
    ) -> "Listener":
        """Connect, and test whether notifications arrive."""
        connection = await asyncpg.connect(url, timeout=5, statement_cache_size=0)
        listener = cls(connection, topics, heartbeat, fanout)
        try:
            connection.add_termination_listener(listener._lost)
            await connection.add_listener(CHANNEL, listener._heard)
            await _notify_from_elsewhere(url, listener._nonce)
            try:
                async with asyncio.timeout(_NONCE):
                    await listener._heard_nonce.wait()
                listener._answered = time.monotonic()
            except TimeoutError:
                # A transaction pooler accepts LISTEN and delivers nothing.
                listener.polling = True
                log.warning("hub_received_nothing", advice="DATABASE_LISTEN_URL must be a session connection")
        except BaseException:
            connection.terminate()
            raise
        return listener

    @property
    def hears(self) -> bool:
        """Whether it delivers and has answered lately. A connection that has stopped answering is noticed by its age."""
        return not self.polling and time.monotonic() - self._answered < _SURE

    @property
    def interval(self) -> float:
        """Seconds between two heartbeats."""
        return _POLL if self.polling else self._heartbeat

    async def run(self) -> Source | None:
        """Receive notifications until the connection is lost, or until this process may lead or follow."""
        successor: Source | None = None
        try:
            successor = await (self._run_alone() if self._fanout is None else self._run_with(self._fanout))
        finally:
            if not isinstance(successor, Leader):
                self.close()
        return successor

    async def _run_alone(self) -> Source:
        while True:
            await self._wait(self.interval)
            await self.beat()

    async def _run_with(self, fanout: "Fanout") -> Source:
        """Lead if no other process does; follow as soon as a leader answers."""
        database = str(await self._connection.fetchval(_DATABASE, timeout=5))
        nats: NatsConnection | None = None
        try:
            while True:
                nats = nats or await fanout.open(database, self._topics, self.wake)
                if nats is not None:
                    # The only lock that outlives its transaction. It needs a session of its own, which a transaction
                    # pooler does not give: there it would stay with a server connection that no client holds.
                    if not self.polling and await self._lock():
                        leading, nats = nats, None
                        return Leader(self, leading)
                    if await nats.answered() and await self._join(nats):
                        joined, nats = nats, None
                        return Follower(self._topics, joined)
                await self._wait(self.interval)
                await self.beat()
                if nats is not None and nats.lost:
                    await nats.close()
                    nats = None
        finally:
            if nats is not None:
                await nats.close()

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.gone.wait()

    async def beat(self) -> None:
        """Check that the connection answers. Where notifications do not arrive, ring every topic."""
        if self.gone.is_set():
            raise ConnectionResetError("the LISTEN connection was closed")
        # An open socket proves nothing: a server that is frozen keeps it open, and does not answer this.
        await self._connection.fetchval("select 1", timeout=5)
        self._answered = time.monotonic()
        if self.polling:
            self._topics.notify_missed()

    async def _lock(self) -> bool:
        if not await self._connection.fetchval("select pg_try_advisory_lock($1)", _LEADER_LOCK, timeout=5):
            return False
        await self._connection.execute(_KEEPALIVE, timeout=5)
        return True

    async def unlock(self) -> None:
        """Let another process lead."""
        await self._connection.fetchval("select pg_advisory_unlock($1)", _LEADER_LOCK, timeout=5)

    async def _join(self, nats: "NatsConnection") -> bool:
        self._topics.observer = nats  # from here on the follower learns of every new subscription
        if await nats.join(self._topics.shared):
            return True
        self._topics.observer = None
        await nats.close()  # releases the lock as well
        return False

    def close(self) -> None:
        """Close the connection at once."""
        self._connection.terminate()

    def _lost(self, _connection: object) -> None:
        self.gone.set()
        self.wake.set()

    def _heard(self, _connection: object, _pid: int, _channel: str, topic: object) -> None:
        if topic == self._nonce:
            self._heard_nonce.set()
        elif isinstance(topic, str) and ":" in topic:
            if self.forward is not None:
                self.forward(topic)
            self._topics.notify(topic)


class Leader:
    """A LISTEN connection that holds the leader's lock. It passes its notifications on to the followers."""

    role = "leader"
    polling = False

    def __init__(self, listener: Listener, nats: "NatsConnection") -> None:
        self._listener, self.nats = listener, nats

    @property
    def hears(self) -> bool:
        """Whether its connection receives."""
        return self._listener.hears

    async def run(self) -> Source:
        """Lead until NATS is lost. The connection then continues alone, because another process may become the leader."""
        alone = False
        self._listener.forward = self.nats.pass_on
        try:
            await self.nats.lead()
            log.info("hub_became_leader")
            while True:
                await self._pass_on(self._listener.interval)
                await self._listener.beat()
                if self.nats.lost or not await self.nats.answered():
                    log.warning("hub_stopped_leading")
                    await self.nats.close()
                    await self._listener.unlock()
                    alone = True
                    return self._listener
        finally:
            self._listener.forward = None
            if not alone:
                self._listener.close()
                await self.nats.close()

    async def _pass_on(self, seconds: float) -> None:
        """Pass notifications on until the time is over or one of the connections is lost."""
        end = asyncio.get_running_loop().time() + seconds
        while not self._listener.gone.is_set():
            await self.nats.send()
            left = end - asyncio.get_running_loop().time()
            if left <= 0 or self.nats.lost:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._listener.wake.wait()
            self._listener.wake.clear()


async def hears(url: str) -> bool:
    """Whether LISTEN at this address delivers notifications of other connections. A transaction pooler accepts it and delivers nothing."""
    with translated_errors():
        listener = await Listener.open(url, Topics())
        listener.close()
    return not listener.polling


async def _notify_from_elsewhere(url: str, nonce: str) -> None:
    """Send the test notification over a second connection: a connection receives its own notifications even through a pooler."""
    other = await asyncpg.connect(url, timeout=5, statement_cache_size=0)
    try:
        await other.execute("select pg_notify($1, $2)", CHANNEL, nonce, timeout=5)
    finally:
        other.terminate()
