"""Topics and who subscribed to them: a registry that knows nothing of where notifications come from."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol, TypeAlias

OWN = "hub:"  # how topics begin that only this process notifies

# Called with the topic, and whether it is certain that it was notified: if not, a notification may have been missed.
Ring: TypeAlias = Callable[[str, bool], None]


class Bell:
    """Something to wait at: what rang before the wait is not lost."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self, _topic: str, _certain: bool) -> None:
        self._event.set()

    async def wait(self, seconds: float) -> bool:
        """Wait until it rang, at most so long; whether it did."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()
        rang = self._event.is_set()
        self._event.clear()
        return rang


class Observer(Protocol):
    """Told which topics somebody subscribes to: a source that receives the notifications of these alone."""

    def want(self, key: str) -> None: ...
    def unwant(self, key: str) -> None: ...


class Topics:
    """Subscriptions to topics ('tool_permissions:<supervisor_id>', or with * to everybody's of a table).

    A notification says look again, never what changed: the subscriber reads the rows again, as its viewer.
    """

    def __init__(self) -> None:
        self._rings: dict[str, dict[Ring, int]] = {}
        self.observer: Observer | None = None  # of topics that other processes notify as well

    def __contains__(self, key: object) -> bool:
        """Whether somebody subscribed to it."""
        return key in self._rings

    @property
    def shared(self) -> list[str]:
        """What is subscribed to, but for the topics of this process alone."""
        return [key for key in self._rings if not key.startswith(OWN)]

    def subscribe(self, topics: Iterable[str], ring: Ring) -> Callable[[], None]:
        """Call `ring` when one of these is notified; the answer ends it. `ring` must only take note."""
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
        """Hold a bell for some topics: subscribe first, then read, and nothing is missed in between."""
        bell = Bell()
        unsubscribe = self.subscribe(topics, bell.ring)
        try:
            yield bell
        finally:
            unsubscribe()

    def notify(self, topic: str) -> None:
        """Ring who subscribed to the topic, or to everybody's of its table."""
        for key in (topic, f"{topic.partition(':')[0]}:*"):
            self.notify_key(key, topic)

    def notify_key(self, key: str, topic: str, *, certain: bool = True) -> None:
        """Ring who subscribed to this key, for a topic that is it or one of those its * stands for."""
        for ring in tuple(self._rings.get(key, ())):
            ring(topic, certain)

    def notify_missed(self, keys: Iterable[str] | None = None) -> None:
        """Ring who subscribed to these, or to anything: they may have been notified and nobody heard."""
        for key in self.shared if keys is None else keys:
            self.notify_key(key, key, certain=False)
