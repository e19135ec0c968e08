"""A registry of topics and their subscribers. It does not know where notifications come from."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol, TypeAlias

OWN = "hub:"  # prefix of topics that only this process notifies

# Called with the topic, and whether it was certainly notified; if not, a notification may have been missed.
Ring: TypeAlias = Callable[[str, bool], None]


class Bell:
    """Something to wait for. A ring before the wait is kept."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self, _topic: str, _certain: bool) -> None:
        self._event.set()

    async def wait(self, seconds: float) -> bool:
        """Wait until it rings, for at most so many seconds; return whether it rang."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()
        rang = self._event.is_set()
        self._event.clear()
        return rang


class Observer(Protocol):
    """Learns of new and ended subscriptions: a source that receives only the topics that are wanted."""

    def want(self, key: str) -> None: ...
    def unwant(self, key: str) -> None: ...


class Topics:
    """Subscriptions to topics ('tool_permissions:<supervisor_id>', or with * to all topics of a table).

    A notification says "look again", never what changed: the subscriber reads the rows again, as its viewer, through
    row-level security. So the first page, a reconnect, a restart and a lost connection are one case, and a notification
    holds no data to protect (2026-11-22).
    """

    def __init__(self) -> None:
        self._rings: dict[str, dict[Ring, int]] = {}
        self.observer: Observer | None = None  # of topics that other processes notify too

    def __contains__(self, key: object) -> bool:
        """Whether it has a subscriber."""
        return key in self._rings

    @property
    def shared(self) -> list[str]:
        """All subscribed keys except the topics of this process alone."""
        return [key for key in self._rings if not key.startswith(OWN)]

    def subscribe(self, topics: Iterable[str], ring: Ring) -> Callable[[], None]:
        """Call `ring` when one of these topics is notified; return the function that ends it. `ring` must return at once."""
        wanted = tuple(topics)
        for topic in wanted:
            rings = self._rings.get(topic)
            if rings is None:
                rings = self._rings[topic] = {}
                if self.observer is not None and not topic.startswith(OWN):
                    self.observer.want(topic)
            rings[ring] = rings.get(ring, 0) + 1

        def unsubscribe() -> None:
            for topic in wanted:
                rings = self._rings[topic]
                rings[ring] -= 1
                if not rings[ring]:
                    del rings[ring]
                if not rings:
                    del self._rings[topic]
                    if self.observer is not None and not topic.startswith(OWN):
                        self.observer.unwant(topic)

        return unsubscribe

    @contextmanager
    def listening(self, *topics: str) -> Iterator[Bell]:
        """Hold a bell for some topics. Subscribe first, then read: nothing is missed in between."""
        bell = Bell()
        unsubscribe = self.subscribe(topics, bell.ring)
        try:
            yield bell
        finally:
            unsubscribe()

    def notify(self, topic: str) -> None:
        """Ring all subscribers of the topic, and those of all topics of its table."""
        for key in (topic, f"{topic.partition(':')[0]}:*"):
            self.notify_key(key, topic)

    def notify_key(self, key: str, topic: str, *, certain: bool = True) -> None:
        """Ring the subscribers of this key, for a topic that equals it or that its * covers."""
        for ring in tuple(self._rings.get(key, ())):
            ring(topic, certain)

    def notify_missed(self, keys: Iterable[str] | None = None) -> None:
        """Ring the subscribers of these keys, or of all keys: notifications may have been missed."""
        for key in self.shared if keys is None else keys:
            self.notify_key(key, key, certain=False)
