"""Topics over NATS, for more web processes than PostgreSQL should notify one by one.

One process, the leader, listens to PostgreSQL and publishes each topic; the others follow. A hundred listeners cost
PostgreSQL nine tenths of its commits. A subject is `floorwalker.<database>.<key>.<table>`, so one subscription covers
all topics of a supervisor. As with NOTIFY, a message carries the key only and has no body. NATS core is enough,
without JetStream. Each follower asks the leader once per second whether it is there; the answer also proves that earlier
subscriptions are in place. Without an answer, or without NATS, a process listens for itself within four seconds.
"""

import asyncio
import hashlib
import re
import ssl
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import structlog
from nats import errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from server.kernel.live.topics import Topics

BEAT = 1.0  # seconds between two requests to the leader, which prove that it is there
_ANSWER = 3.0  # seconds within which the leader has to answer; a frozen NATS never does
_CONNECT = 2.0
_LONGEST_PAUSE = 5.0
_TICK = 0.01  # seconds; topics that are wanted within them share one request
_LINGER = 5.0  # seconds that a subscription stays after its last subscriber left, because pages open and close often
_AT_ONCE = 500  # subscriptions per request; the client's queue of writes holds a thousand
_UNSENT = 1_000_000  # bytes that NATS may not have read yet; beyond it, the leader waits for NATS
UNREAD = 1_000  # rings of one subscription that may be unread; beyond it, every topic is rung
HEARD = 20_000  # topics that may wait to be passed on; beyond it, all followers are told to read everything
_TOPIC = re.compile(r"([\w-]{1,100}):([\w-]{1,100})", re.ASCII)
_BROKEN = (errors.Error, OSError, TimeoutError)

log = structlog.get_logger(__name__)


class Fanout:
    """The address of NATS, and a limit on how often it is tried."""

    def __init__(self, addresses: str, *, longest_pause: float = _LONGEST_PAUSE) -> None:
        places = [urlsplit(address.strip()) for address in addresses.split(",")]
        self._servers = [f"{place.scheme}://{_where(place)}" for place in places]
        self._named = next((place for place in places if place.username), None)
        self._tls = any(place.scheme == "tls" for place in places)
        self._pause, self._not_before, self._longest_pause = 0.0, 0.0, longest_pause
        self._reached = True
        self.trouble = ""  # why NATS could not be reached the last time

    async def open(self, database: str, topics: Topics, wake: asyncio.Event) -> "NatsConnection | None":
        """Open a connection, or return None: NATS cannot be reached, or it was tried a moment ago."""
        if time.monotonic() < self._not_before:
            return None
        client = Client()
        connection = NatsConnection(client, database, topics, wake)
        try:
            async with asyncio.timeout(2 * _CONNECT):
                await self._connect(client, connection)
        except _BROKEN as error:
            await connection.close()
            self._wait_longer()
            self.trouble = f"{type(error).__name__}: {error}"
            if self._reached:  # once, and not every five seconds during a long outage
                log.warning("fanout_not_reached", servers=self._servers, reason=self.trouble)
            self._reached = False
            return None
        except BaseException:
            await connection.close()
            raise
        connection.lost = client.is_closed
        if time.monotonic() - self._not_before > 2 * _LONGEST_PAUSE:  # the last connection lasted
            self._pause = 0.0
        self._wait_longer()
        if not self._reached:
            log.info("fanout_reached", servers=self._servers)
        self._reached = True
        return connection

    def _wait_longer(self) -> None:
        self._pause = min(max(BEAT / 2, self._pause * 2), self._longest_pause)
        self._not_before = time.monotonic() + self._pause

    async def _connect(self, client: Client, connection: "NatsConnection") -> None:
        def insist() -> None:
            # With tls:// the library encrypts only if the server offers it, and would send the password in clear otherwise.
            if self._tls and not client._server_info.get("tls_required"):  # noqa: SLF001 - the library publishes this nowhere else
                raise ConnectionError("the address begins with tls:// and the server does not offer TLS")

        # The library calls these after it has read what the server offers, and sends what they return.
        def secret(text: str) -> Callable[[], str]:
            def tell() -> str:
                insist()
                return unquote(text)

            return tell

        who: dict[str, Any] = {}
        if self._named is not None and self._named.password is not None:
            who = {"user": secret(self._named.username or ""), "password": secret(self._named.password)}
        elif self._named is not None:
            who = {"token": secret(self._named.username or "")}
        if self._tls:
            who["tls"] = ssl.create_default_context()
        await client.connect(
            list(self._servers),
            name="floorwalker",
            # The library may not reconnect by itself, because the messages missed meanwhile would go unnoticed.
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=int(_CONNECT),
            error_cb=connection.failed,
            closed_cb=connection.closed,
            inbox_prefix="floorwalker.inbox",
            **who,
        )
        insist()


class NatsConnection:
    """One connection to NATS, in the role of the leader or of a follower. Once lost, it stays lost."""

    def __init__(self, client: Client, database: str, topics: Topics, wake: asyncio.Event) -> None:
        self._client, self._topics, self._wake = client, topics, wake
        self._name = f"floorwalker.{hashlib.sha256(database.encode()).hexdigest()[:16]}"
        self._wanted: dict[str, set[str]] = {}  # subject → keys with subscribers
        self._fresh: set[str] = set()  # subjects that are not yet subscribed to
        self._held: dict[str, Subscription] = {}
        self._idle: dict[str, float] = {}  # subject without subscribers → when it is given up
        self._heard: set[str] = set()
        self._overflowed = False
        self.lost = True  # until it is open

    @property
    def subjects(self) -> list[str]:
        """The subjects that it is subscribed to."""
        return list(self._held)

    @property
    def settled(self) -> bool:
        """Whether all wanted subjects are subscribed to."""
        return not self._fresh

    @property
    def idle(self) -> bool:
        """Whether no subject is wanted and none waits to be given up."""
        return not self._wanted and not self._idle

    async def failed(self, error: Exception) -> None:
        """Treat any complaint of NATS as a loss: a refused subscription would otherwise stay silent without notice."""
        if isinstance(error, errors.SlowConsumerError):
            self._overflowed = True
            self._wake.set()
            return
        if not self.lost:
            log.warning("fanout_failed", reason=f"{type(error).__name__}: {error}")
        await self.closed()

    async def closed(self) -> None:
        """Note that the connection carries nothing from now on."""
        self.lost = True
        self._wake.set()

    async def close(self) -> None:
        """Close the connection."""
        self.lost = True
        try:
            async with asyncio.timeout(1):
                await self._client.close()
        except (*_BROKEN, AssertionError):  # it was never connected, or NATS reads nothing
            return

    async def answered(self) -> bool:
        """Whether a leader answers. By then every NATS server on the way knows the earlier subscriptions."""
        if self.lost:
            return False
        try:
            await self._client.request(f"{self._name}.ear", timeout=_ANSWER)
        except _BROKEN as error:
            if not isinstance(error, errors.NoRespondersError):
                log.warning("fanout_not_answered", reason=f"{type(error).__name__}: {error}")
                self.lost = True
            return False
        finally:
            # If the answer arrives at that moment, the library (and wait_for of Python 3.11) swallows a cancellation.
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise asyncio.CancelledError
        return not self.lost

    # The leader

    async def lead(self) -> None:
        """Become the leader. Tell every process to read everything first, because earlier notifications may have been missed."""
        await self._publish("all")
        try:
            # The last release uses this name too, so that both may run at once.
            await self._client.subscribe(f"{self._name}.ear", cb=self._answer)
        except _BROKEN:
            self.lost = True

    async def _answer(self, asked: Msg) -> None:
        await asked.respond(b"")

    def pass_on(self, topic: str) -> None:
        """Queue a topic to be passed on, once however often it rang."""
        if _TOPIC.fullmatch(topic):
            self._heard.add(topic)
            self._wake.set()

    async def send(self) -> None:
        """Pass the queued topics on."""
        heard, self._heard = self._heard, set()
        if len(heard) > HEARD:
            await self._publish("all")
            return
        for number, topic in enumerate(heard, 1):
            table, _, key = topic.partition(":")
            await self._publish(f"{key}.{table}")
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)  # otherwise nothing is sent before everything is written

    async def _publish(self, subject: str) -> None:
        if self.lost:
            return
        try:
            if self._client.pending_data_size > _UNSENT:
                await self._client.flush(int(_ANSWER))
            await self._client.publish(f"{self._name}.{subject}")
        except _BROKEN as error:
            log.warning("fanout_failed", reason=f"{type(error).__name__}: {error}")
            self.lost = True

    # The follower

    def want(self, key: str) -> None:
        """Note that this topic, or with * every topic of its table, has a subscriber."""
        subject = self._subject(key)
        self._wanted.setdefault(subject, set()).add(key)
        self._idle.pop(subject, None)
        if subject not in self._held:
            self._fresh.add(subject)
            self._wake.set()

    def unwant(self, key: str) -> None:
        """Note that this key has no subscriber any more."""
        subject = self._subject(key)
        keys = self._wanted.get(subject, set())
        keys.discard(key)
        if not keys:
            self._idle[subject] = time.monotonic() + _LINGER

    async def join(self, keys: Iterable[str]) -> bool:
        """Subscribe to all wanted topics. True when nothing is missed from now on; further topics may be added meanwhile."""
        for key in keys:
            self.want(key)
        try:
            self._held["all"] = await self._client.subscribe(f"{self._name}.all", cb=self._heard_all)
        except _BROKEN:
            self.lost = True
        while await self._settle() is not None:
            if not self._fresh:
                return True
        return False

    async def follow(self) -> None:
        """Receive until the leader no longer answers."""
        self._wake.set()
        while True:
            try:
                async with asyncio.timeout(BEAT):
                    await self._wake.wait()
                if not self.lost:
                    await asyncio.sleep(_TICK)
            except TimeoutError:
                pass
            self._wake.clear()
            settled = await self._settle()
            if settled is None:
                return
            # Subscribe, then read: rows read before the subscription was in place are read again.
            self._topics.notify_missed([key for subject in settled for key in self._wanted.get(subject, ())])
            if self._overflowed:
                self._overflowed = False
                self._topics.notify_missed()

    async def _settle(self) -> list[str] | None:
        """Subscribe to wanted subjects and give up others. Return the new subjects, or None when no leader answers."""
        now = time.monotonic()
        over = [subject for subject, at in self._idle.items() if at <= now][:_AT_ONCE]
        fresh = sorted(self._fresh)[:_AT_ONCE]
        self._fresh.difference_update(fresh)
        if self._fresh:
            self._wake.set()
        try:
            for subject in over:
                if self._idle.pop(subject, None) is None:
                    continue  # wanted again meanwhile
                self._wanted.pop(subject, None)
                if held := self._held.pop(subject, None):
                    await held.unsubscribe()
            for subject in fresh:
                if subject in self._wanted and subject not in self._held:
                    self._held[subject] = await self._client.subscribe(
                        f"{self._name}.{subject}", cb=self._heard_one(subject), pending_msgs_limit=UNREAD
                    )
        except _BROKEN as error:
            log.warning("fanout_failed", reason=f"{type(error).__name__}: {error}")
            self.lost = True
        return fresh if await self.answered() else None

    def _heard_one(self, subject: str) -> Callable[[Msg], Any]:
        whole_table = subject.startswith("*.")

        async def heard(message: Msg) -> None:
            key, _, table = message.subject[len(self._name) + 1 :].partition(".")
            topic = f"{table}:{key}"
            self._topics.notify_key(f"{table}:*" if whole_table else topic, topic)

        return heard

    async def _heard_all(self, _message: Msg) -> None:
        self._topics.notify_missed()

    def _subject(self, key: str) -> str:
        table, _, whose = key.partition(":")
        return f"*.{table}" if whose == "*" else f"{whose}.*"


def _where(place: SplitResult) -> str:
    """Host and port, so that neither the log nor an error of the library shows a password."""
    return place.netloc.rpartition("@")[2]
