"""Topics and who waits for them, and what rings them: a LISTEN connection, or the one of another process over NATS."""

import asyncio
import datetime as dt
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

import asyncpg
import structlog

from server.kernel.db import translated_errors

if TYPE_CHECKING:  # imported only where FANOUT_URL is set
    from server.kernel.live.fanout import Fanout, NatsConnection

CHANNEL = "floor"
OWN = "hub:"  # how topics begin that are rung within the process alone
STATE = f"{OWN}state"  # when the hub goes live or stale
_LONGEST_PAUSE = 5.0
_DEAF_WAIT = 0.3  # seconds between two looks of who waits, while rings may go unheard
_SURE = 0.6  # seconds since its last answer in which a LISTEN connection is believed to hear
_NONCE = 2.0  # seconds in which a LISTEN connection has to hear what was said for it
_SHARED_HEARTBEAT = 0.25  # seconds; where several processes share one listener
# Whose topics these are: another database, a clone, or this one after a restore or a restart, is not the same.
_DATABASE = """select pg_catalog.concat(oid, ' ', extract(epoch from pg_catalog.pg_postmaster_start_time()))
    from pg_catalog.pg_database where datname = pg_catalog.current_database()"""
_LEADER_LOCK = 5_077_263_190  # any number, the same for every web process of a database
# A machine that lost its power says no farewell: then the server finds out within 20 s, and the lock is free again.
_KEEPALIVE = """select pg_catalog.set_config(name, value, false) from (values ('tcp_keepalives_idle', '5'),
    ('tcp_keepalives_interval', '5'), ('tcp_keepalives_count', '3')) settings (name, value)"""

log = structlog.get_logger(__name__)
Ring = Callable[[str], None]
T = TypeVar("T")


class Bell:
    """Something to wait at: rings that came before are not lost."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self, _topic: str) -> None:
        self._event.set()

    async def wait(self, seconds: float) -> bool:
        """Wait until it rang, at most so long; whether it did."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()
        rang = self._event.is_set()
        self._event.clear()
        return rang


class Hub:
    """Rings topics ('tool_permissions:<supervisor_id>', or with * for everybody's) to their subscribers.

    A ring says look again, never what changed: whoever hears it reads the rows as its viewer. When the
    LISTEN connection was lost, everything is rung once it is back, since anything may have happened.

    With a fan-out, one hub of all that share a database is the leader: it holds an advisory lock on its LISTEN
    connection and passes on what it hears. The others follow it over NATS and close theirs. As soon as no leader
    answers they listen for themselves again, and try to become it.
    """

    def __init__(self, url: str, *, heartbeat: float = 0.25, fanout: "Fanout | None" = None) -> None:
        self._url = url
        self._heartbeat = heartbeat
        self._fanout = fanout
        self._leading: NatsConnection | None = None  # where we pass on what we hear
        self._following: NatsConnection | None = None  # where we hear what another passes on
        self.wake = asyncio.Event()  # something for the task that listens
        self._rings: dict[str, dict[Ring, int]] = {}
        self._nonce = ""
        self._heard_nonce = asyncio.Event()
        self.live = False
        self.polling = False
        self.guessing = False  # while what rings may have happened, and nobody knows that it did
        self.since = dt.datetime.now(dt.UTC)
        self._beaten = 0.0  # when the LISTEN connection last gave an answer, by the monotonic clock

    @property
    def hears(self) -> bool:
        """Whether what rings is heard, as far as anybody can know: a listener that stands still is noticed by its beat."""
        beats = self._following is not None or time.monotonic() - self._beaten < _SURE
        return self.live and not self.polling and beats

    def subscribe(self, topics: Iterable[str], ring: Ring) -> Callable[[], None]:
        """Call `ring` with each of the topics that rings; the answer ends it. `ring` must only mark."""
        wanted = tuple(topics)
        for topic in wanted:
            rings = self._rings.get(topic)
            if rings is None:
                rings = self._rings[topic] = {}
                if self._following is not None and not topic.startswith(OWN):
                    self._following.want(topic)
            rings[ring] = rings.get(ring, 0) + 1

        def unsubscribe() -> None:
            for topic in wanted:
                rings = self._rings[topic]
                rings[ring] -= 1
                if not rings[ring]:
                    del rings[ring]
                if not rings:
                    del self._rings[topic]
                    if self._following is not None and not topic.startswith(OWN):
                        self._following.unwant(topic)

        return unsubscribe

    @contextmanager
    def listening(self, *topics: str) -> Iterator[Bell]:
        """Hold a bell for some topics: subscribe first, read then, and nothing falls between."""
        bell = Bell()
        unsubscribe = self.subscribe(topics, bell.ring)
        try:
            yield bell
        finally:
            unsubscribe()

    async def wait_for(
        self,
        found: T,
        read: Callable[[], Awaitable[T]],
        *,
        topics: Callable[[T], Iterable[str]],
        until: Callable[[T], bool],
        again: Callable[[T], float],
        seconds: float,
    ) -> T:
        """Read whenever what was `found` may have changed, until that is enough or so many seconds have passed; the last.

        What is read names the topics that ring it: with others it is subscribed to those. After `again` seconds it is read
        though nothing rang, sooner where rings may go unheard, and when the hub begins or ceases to hear.
        """
        end, wanted = time.monotonic() + seconds, tuple(topics(found))
        while True:
            with self.listening(*wanted, STATE) as bell:
                while True:
                    found = await read()
                    left = end - time.monotonic()
                    if until(found) or left <= 0:
                        return found
                    if (now := tuple(topics(found))) != wanted:
                        wanted = now
                        break
                    await self._rang(bell, min(left, again(found)))

    async def _rang(self, bell: Bell, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if await bell.wait(min(left, _DEAF_WAIT)) or not self.hears:
                return

    def ring(self, topic: str) -> None:
        """Ring a topic and the * of its table."""
        table = topic.partition(":")[0]
        for key in (topic, f"{table}:*"):
            self.ring_key(key, topic)

    def ring_key(self, key: str, topic: str) -> None:
        """Ring who waits at this key, for a topic that is it or one of those its * stands for."""
        for ring in tuple(self._rings.get(key, ())):
            ring(topic)

    def ring_all(self) -> None:
        """Ring everything that somebody waits for."""
        self.ring_again(key for key in tuple(self._rings) if not key.startswith(OWN))

    def ring_again(self, keys: Iterable[str]) -> None:
        """Ring these, in case that they rang and nobody heard."""
        self.guessing = True
        for key in keys:
            self.ring_key(key, key)
        self.guessing = False

    async def listen(self) -> None:
        """Hear what rings for as long as the process lives, by a LISTEN connection or through the leader's."""
        pause = 0.1
        while True:
            connection: asyncpg.Connection | None = None
            try:
                connection = await asyncpg.connect(self._url, timeout=5, statement_cache_size=0)
                await self._hear(connection)
                pause = 0.1
                if self._following is None:
                    log.warning("hub_connection_lost")
                else:
                    connection.terminate()
                    await self._follow(self._following)
                    continue  # at once: nobody hears for us now
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("hub_connection_failed", reason=f"{type(error).__name__}: {error}")
            finally:
                self._turn(live=False)
                if connection is not None:
                    connection.terminate()
                await self._stop_following()
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _hear(self, connection: asyncpg.Connection) -> None:
        """Hear by this connection until it is gone, or until we may follow a leader."""
        gone = asyncio.Event()

        def lost(_: object) -> None:
            gone.set()
            self.wake.set()

        connection.add_termination_listener(lost)
        await connection.add_listener(CHANNEL, self._heard)
        # A transaction pooler takes LISTEN and delivers nothing: find out, and read by the clock instead.
        self._nonce, self._heard_nonce = f"hub:{secrets.token_hex(8)}", asyncio.Event()
        await _notify_from_elsewhere(self._url, self._nonce)
        try:
            async with asyncio.timeout(_NONCE):
                await self._heard_nonce.wait()
            self.polling, self._beaten = False, time.monotonic()
        except TimeoutError:
            self.polling = True
            log.warning("hub_hears_nothing", advice="DATABASE_LISTEN_URL must be a session connection")
        self._turn(live=True)
        self.ring_all()
        if self._fanout is not None:
            await self._share(connection, gone, self._fanout)
            return
        while not gone.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(2.0 if self.polling else self._heartbeat):
                    await gone.wait()
                return
            await self._beat(connection)

    async def _beat(self, connection: asyncpg.Connection) -> None:
        await connection.fetchval("select 1", timeout=5)  # a frozen server answers nothing, not even this
        self._beaten = time.monotonic()
        if self.polling:
            self.ring_all()

    async def _share(self, connection: asyncpg.Connection, gone: asyncio.Event, fanout: "Fanout") -> None:
        """Hear for everybody where nobody else does, until the connection is gone; or until a leader answers."""
        database = str(await connection.fetchval(_DATABASE, timeout=5))
        nats: NatsConnection | None = None
        try:
            while not gone.is_set():
                nats = nats or await fanout.open(database, self)
                if nats is not None and self._leading is None:
                    # The lock needs a session of its own, and behind a transaction pooler there is none.
                    if not self.polling and await self._become_leader(connection):
                        self._leading = nats
                        await nats.lead()
                        log.info("hub_became_leader")
                    elif await nats.answered() and await self._join(nats):
                        nats = None  # it is followed from now on, and _stop_following closes it
                        return
                await self._pass_on(gone, 2.0 if self.polling else _SHARED_HEARTBEAT)
                await self._beat(connection)
                if nats is not None and (
                    nats.lost or (self._leading is not None and not await nats.answered())
                ):
                    await nats.close()
                    if self._leading is not None:  # somebody whom NATS hears may have it
                        self._leading = None
                        log.warning("hub_is_leader_no_more")
                        await connection.fetchval("select pg_advisory_unlock($1)", _LEADER_LOCK, timeout=5)
                    nats = None
        finally:
            self._leading = None
            if nats is not None:
                await nats.close()

    async def _become_leader(self, connection: asyncpg.Connection) -> bool:
        if not await connection.fetchval("select pg_try_advisory_lock($1)", _LEADER_LOCK, timeout=5):
            return False
        await connection.execute(_KEEPALIVE, timeout=5)
        return True

    async def _join(self, nats: "NatsConnection") -> bool:
        self._following = nats  # from here on it is told what else is waited for
        if await nats.join(key for key in tuple(self._rings) if not key.startswith(OWN)):
            return True
        self._following = None
        await nats.close()  # it holds what was wanted by then
        return False

    async def _pass_on(self, gone: asyncio.Event, seconds: float) -> None:
        """As the leader, pass on what is heard until the time is over or the connection is gone."""
        end = asyncio.get_running_loop().time() + seconds
        while not gone.is_set():
            if self._leading is not None:
                await self._leading.send()
            left = end - asyncio.get_running_loop().time()
            if left <= 0 or (self._leading is not None and self._leading.lost):
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self.wake.wait()
            self.wake.clear()

    async def _follow(self, nats: "NatsConnection") -> None:
        """Hear what the leader passes on, until it does not answer."""
        log.info("hub_follows_leader")
        self.polling = False
        self.ring_all()  # what the closed connection would still have said
        await nats.follow()
        log.warning("hub_lost_leader")

    async def _stop_following(self) -> None:
        nats, self._following = self._following, None
        if nats is not None:
            await nats.close()

    def _heard(self, _connection: object, _pid: int, _channel: str, topic: object) -> None:
        if topic == self._nonce:
            self._heard_nonce.set()
        elif isinstance(topic, str) and ":" in topic:
            if self._leading is not None:
                self._leading.pass_on(topic)
            self.ring(topic)

    def _turn(self, *, live: bool) -> None:
        if live != self.live:
            self.live, self.since = live, dt.datetime.now(dt.UTC)
            log.info("hub_went_live" if live else "hub_went_stale")
            self.ring(STATE)


async def hears(url: str) -> bool:
    """Whether LISTEN delivers at this address what others notify. A transaction pooler takes it and delivers nothing."""
    nonce, heard = f"hub:{secrets.token_hex(8)}", asyncio.Event()

    def hear(_connection: object, _pid: int, _channel: str, topic: object) -> None:
        if topic == nonce:
            heard.set()

    with translated_errors():
        connection = await asyncpg.connect(url, timeout=5, statement_cache_size=0)
        try:
            await connection.add_listener(CHANNEL, hear)
            await _notify_from_elsewhere(url, nonce)
            with suppress(TimeoutError):
                async with asyncio.timeout(_NONCE):
                    await heard.wait()
        finally:
            connection.terminate()
    return heard.is_set()


async def _notify_from_elsewhere(url: str, nonce: str) -> None:
    """Send the nonce over a connection of its own: what one says itself it hears even through a pooler."""
    other = await asyncpg.connect(url, timeout=5, statement_cache_size=0)
    try:
        await other.execute("select pg_notify($1, $2)", CHANNEL, nonce, timeout=5)
    finally:
        other.terminate()
