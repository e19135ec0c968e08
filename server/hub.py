"""Topics and who waits for them, and the one LISTEN connection of the process that rings them."""

import asyncio
import datetime as dt
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

import asyncpg
import structlog

CHANNEL = "floor"
STATE = "hub:state"  # rung within the process when the hub goes live or stale
_LONGEST_PAUSE = 5.0

log = structlog.get_logger(__name__)
Ring = Callable[[str], None]


class Bell:
    """Something to wait at: rings that came before are not lost."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self, _topic: str) -> None:
        self._event.set()

    async def wait(self, seconds: float) -> bool:
        """Wait until it rang, at most so long; whether it did."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), seconds)
        rang = self._event.is_set()
        self._event.clear()
        return rang


class Hub:
    """Rings topics ('tool_permissions:<supervisor_id>', or with * for everybody's) to their subscribers.

    A ring says look again, never what changed: whoever hears it reads the rows as its viewer. When the
    LISTEN connection was lost, everything is rung once it is back, since anything may have happened.
    """

    def __init__(self, url: str, *, heartbeat: float = 10.0) -> None:
        self._url = url
        self._heartbeat = heartbeat
        self._rings: dict[str, dict[Ring, int]] = {}
        self._nonce = ""
        self._heard_nonce = asyncio.Event()
        self.live = False
        self.polling = False
        self.since = dt.datetime.now(dt.UTC)

    def subscribe(self, topics: Iterable[str], ring: Ring) -> Callable[[], None]:
        """Call `ring` with each of the topics that rings; the answer ends it. `ring` must only mark."""
        wanted = tuple(topics)
        for topic in wanted:
            rings = self._rings.setdefault(topic, {})
            rings[ring] = rings.get(ring, 0) + 1

        def unsubscribe() -> None:
            for topic in wanted:
                rings = self._rings[topic]
                rings[ring] -= 1
                if not rings[ring]:
                    del rings[ring]
                if not rings:
                    del self._rings[topic]

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

    def ring(self, topic: str) -> None:
        """Ring a topic and the * of its table."""
        table = topic.partition(":")[0]
        for key in (topic, f"{table}:*"):
            for ring in tuple(self._rings.get(key, ())):
                ring(topic)

    def ring_all(self) -> None:
        """Ring everything that somebody waits for."""
        for key in tuple(self._rings):
            if key != STATE:
                for ring in tuple(self._rings.get(key, ())):
                    ring(key)

    async def listen(self) -> None:
        """Keep the LISTEN connection for as long as the process lives."""
        pause = 0.1
        while True:
            connection: asyncpg.Connection | None = None
            try:
                connection = await asyncpg.connect(self._url, timeout=5, statement_cache_size=0)
                pause = 0.1
                await self._hear(connection)
                log.warning("hub_connection_lost")
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("hub_connection_failed", reason=f"{type(error).__name__}: {error}")
            finally:
                self._become(live=False)
                if connection is not None:
                    connection.terminate()
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _hear(self, connection: asyncpg.Connection) -> None:
        gone = asyncio.Event()
        connection.add_termination_listener(lambda _: gone.set())
        await connection.add_listener(CHANNEL, self._heard)
        # A transaction pooler takes LISTEN and delivers nothing: find out, and read by the clock instead.
        self._nonce, self._heard_nonce = f"hub:{secrets.token_hex(8)}", asyncio.Event()
        await self._ring_at_the_door()
        try:
            await asyncio.wait_for(self._heard_nonce.wait(), 2)
            self.polling = False
        except TimeoutError:
            self.polling = True
            log.warning("hub_hears_nothing", advice="DATABASE_LISTEN_URL must be a session connection")
        self._become(live=True)
        self.ring_all()
        while not gone.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(gone.wait(), 2.0 if self.polling else self._heartbeat)
                return
            await connection.fetchval("select 1", timeout=5)  # a frozen server answers nothing, not even this
            if self.polling:
                self.ring_all()

    async def _ring_at_the_door(self) -> None:
        """Send the nonce over a connection of its own: what one says itself it hears even through a pooler."""
        other = await asyncpg.connect(self._url, timeout=5, statement_cache_size=0)
        try:
            await other.execute("select pg_notify($1, $2)", CHANNEL, self._nonce, timeout=5)
        finally:
            other.terminate()

    def _heard(self, _connection: object, _pid: int, _channel: str, topic: object) -> None:
        if topic == self._nonce:
            self._heard_nonce.set()
        elif isinstance(topic, str) and ":" in topic:
            self.ring(topic)

    def _become(self, *, live: bool) -> None:
        if live != self.live:
            self.live, self.since = live, dt.datetime.now(dt.UTC)
            log.info("hub_went_live" if live else "hub_went_stale")
            self.ring(STATE)
