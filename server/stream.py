"""Live pages: audiences and their regions. One read and one render an audience, the same bytes to everybody."""

import asyncio
import datetime as dt
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from sse_starlette import EventSourceResponse
from starlette.responses import Response

from server import hub as bells
from server.auth import Viewer
from server.db import Database
from server.errors import RequestError
from server.hub import Hub
from server.web import partial

TICK = 0.025  # audiences that rang within it share one round trip
_BATCH = 100  # audiences a round trip
_RETRY = 1.0  # after a read that failed
_RECHECK = 10.0  # how often all sessions behind the streams are looked at, whatever was rung
CONNECTION = "connection"  # the region that says whether the page is live

log = structlog.get_logger(__name__)
Regions = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """A kind of live page: what rings it, how often it is read at most, how its rows become regions."""

    name: str
    tables: frozenset[str]
    urgent: frozenset[str]  # of the tables: those that wait for no throttle
    every: float  # seconds between two reads
    render: Callable[[Any], Regions]  # region's id → its partial


@dataclass(frozen=True, slots=True)
class Audience:
    """Whose rows on which page: everybody in it sees the same bytes."""

    page: Page
    whose: str  # a supervisor's id, or * for everybody's
    arguments: str  # JSON object, as the page's question takes it

    @property
    def topics(self) -> list[str]:
        """What rings it."""
        return [f"{table}:{self.whose}" for table in sorted(self.page.tables)]


class Subscriber:
    """One open stream: holds the newest state of each region and nothing older, however slow its reader."""

    __slots__ = ("_pending", "_wake", "ended", "unsubscribe", "viewer")

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.unsubscribe: Callable[[], None] = lambda: None
        self._pending: dict[str, bytes] = {}
        self._wake = asyncio.Event()
        self.ended = False

    def send(self, regions: Mapping[str, bytes]) -> None:
        """Replace what waits for the reader with the newest."""
        self._pending.update(regions)
        self._wake.set()

    def end(self) -> None:
        """End the stream; the browser's next try goes through the door again."""
        self.ended = True
        self._wake.set()

    async def messages(self) -> AsyncIterator[bytes]:
        """SSE messages; all that is pending joined into one."""
        yield b"retry: 500\n\n"
        while not self.ended:
            await self._wake.wait()
            self._wake.clear()
            if self._pending and not self.ended:
                message = b"".join(self._pending.values()) + b"\n"
                self._pending.clear()
                yield message


@dataclass(slots=True, eq=False)
class _Watched:
    """An audience that somebody watches."""

    audience: Audience
    subscribers: set[Subscriber] = field(default_factory=set)
    regions: dict[str, bytes] = field(default_factory=dict)
    read_at: float = 0.0
    unsubscribe: Callable[[], None] = lambda: None


class Streams:
    """All audiences of the process, and the one task that reads those that rang."""

    def __init__(self, db: Database, hub: Hub) -> None:
        self._db, self._hub = db, hub
        self._watched: dict[Audience, _Watched] = {}
        self._due: dict[_Watched, float] = {}
        self._wake = asyncio.Event()
        self._closed = False
        self._failing_since: dt.datetime | None = None  # when reading stopped to work
        hub.subscribe([bells.STATE], lambda _: self._tell_connection())

    def __len__(self) -> int:
        return sum(len(watched.subscribers) for watched in self._watched.values())

    async def read(self, audience: Audience, viewer: Viewer) -> Regions:
        """The regions for a first page, read as the viewer."""
        rows = await self._ask([(audience, viewer)])
        if rows[0]["failure"] is not None:
            raise RuntimeError(rows[0]["failure"])
        # Not live yet: that is for the stream to say, once it is there.
        as_of = partial("shared/_connection.html", state="page", since=dt.datetime.now(dt.UTC))
        return {**audience.page.render(rows[0]["shown"]), CONNECTION: as_of}

    def response(self, audience: Audience, viewer: Viewer) -> Response:
        """The stream: a snapshot, then every change, until the session ends."""
        return EventSourceResponse(self._stream(audience, viewer), ping=15, sep="\n", send_timeout=30)

    async def _stream(self, audience: Audience, viewer: Viewer) -> AsyncIterator[bytes]:
        subscriber = Subscriber(viewer)
        self._join(audience, subscriber)
        try:
            async for message in subscriber.messages():
                yield message
        finally:
            self._leave(audience, subscriber)

    def _join(self, audience: Audience, subscriber: Subscriber) -> None:
        viewer = subscriber.viewer
        watched = self._watched.get(audience)
        if watched is None:
            watched = self._watched[audience] = _Watched(audience)
            ring = self._ringer(watched)
            watched.unsubscribe = self._hub.subscribe(audience.topics, ring)
            ring("")
        watched.subscribers.add(subscriber)
        look_again = self._ringer(watched)

        def end(_topic: str) -> None:
            if self._hub.polling:  # by the clock, which knows nobody: _keep_checking_sessions finds out
                return
            subscriber.end()
            look_again("")  # what was read last may have been read with rights that were gone by then

        subscriber.unsubscribe = self._hub.subscribe(
            [f"web_sessions:{viewer.session_id}", f"users:{viewer.id}"], end
        )
        # What was read last is right but for what has rung since, and that is on its way.
        subscriber.send({CONNECTION: _frame(CONNECTION, self._connection()), **watched.regions})
        if self._closed:
            subscriber.end()

    def _leave(self, audience: Audience, subscriber: Subscriber) -> None:
        subscriber.unsubscribe()
        watched = self._watched[audience]
        watched.subscribers.discard(subscriber)
        if not watched.subscribers:
            watched.unsubscribe()
            self._due.pop(watched, None)
            del self._watched[audience]

    def _ringer(self, watched: _Watched) -> Callable[[str], None]:
        page = watched.audience.page

        def ring(topic: str) -> None:
            table = topic.partition(":")[0]
            wait = 0.0 if table in page.urgent else watched.read_at + page.every
            self._due[watched] = min(self._due.get(watched, wait), wait)
            self._wake.set()

        return ring

    async def run(self) -> None:
        """Read what rang, for as long as the process lives."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_reading())
            tasks.create_task(self._keep_checking_sessions())

    async def _keep_reading(self) -> None:
        while True:
            now = time.monotonic()
            ready = [watched for watched, at in self._due.items() if at <= now][:_BATCH]
            if not ready:
                pause = min(self._due.values()) - now if self._due else None
                try:
                    await asyncio.wait_for(self._wake.wait(), pause)
                except TimeoutError:
                    continue
                self._wake.clear()
                continue
            for watched in ready:
                del self._due[watched]
                watched.read_at = now
            await self._refresh(ready)
            await asyncio.sleep(max(0.0, now + TICK - time.monotonic()))

    async def _refresh(self, ready: list[_Watched]) -> None:
        # Whoever is out but has not left yet lends nobody their rights.
        readers = {w: next((s.viewer for s in w.subscribers if not s.ended), None) for w in ready}
        wanted = [(w.audience, viewer) for w, viewer in readers.items() if viewer is not None]
        ready = [w for w in ready if readers[w] is not None]
        try:
            rows = await self._ask(wanted) if wanted else []
        except Exception as error:  # noqa: BLE001 - whatever it was: the pages say stale, and it is tried again
            log.warning("read_failed", reason=f"{type(error).__name__}: {error}", audiences=len(ready))
            self._again(ready)
            self._say_reading(works=False)
            return
        self._say_reading(works=True)
        for watched, row in zip(ready, rows, strict=True):
            if row["failure"] is not None:
                log.error("audience_failed", page=watched.audience.page.name, reason=row["failure"])
                self._again([watched])
                continue
            self._send(watched, row["shown"])

    def _send(self, watched: _Watched, shown: Any) -> None:
        try:
            rendered = watched.audience.page.render(shown)
        except Exception:  # one page that cannot be shown must not stop everybody's
            log.exception("audience_failed", page=watched.audience.page.name)
            self._again([watched])
            return
        regions = {name: _frame(name, html) for name, html in rendered.items()}
        changed = {name: frame for name, frame in regions.items() if watched.regions.get(name) != frame}
        watched.regions = regions
        if changed:
            for subscriber in watched.subscribers:
                subscriber.send(changed)

    async def _ask(self, wanted: list[tuple[Audience, Viewer]]) -> list[Any]:
        questions = [
            {"claims": v.claims, "page": a.page.name, "arguments": json.loads(a.arguments)} for a, v in wanted
        ]
        return await self._db.call("select shown, failure from private.read_audiences($1)", questions)

    def _again(self, watched: list[_Watched]) -> None:
        at = time.monotonic() + _RETRY
        for one in watched:
            if one.subscribers:
                self._due[one] = at

    def _say_reading(self, *, works: bool) -> None:
        if works == (self._failing_since is not None):
            self._failing_since = None if works else dt.datetime.now(dt.UTC)
            self._tell_connection()

    def _connection(self) -> str:
        live = self._hub.live and self._failing_since is None
        since = self._failing_since if self._hub.live else self._hub.since
        return partial("shared/_connection.html", state="live" if live else "stale", since=since)

    def _tell_connection(self) -> None:
        frame = _frame(CONNECTION, self._connection())
        for watched in self._watched.values():
            for subscriber in watched.subscribers:
                subscriber.send({CONNECTION: frame})

    async def _keep_checking_sessions(self) -> None:
        """End streams whose session ended without our hearing of it, or whose token did."""
        while True:
            await asyncio.sleep(_RECHECK)
            open_streams = [s for w in self._watched.values() for s in w.subscribers]
            ids = list({s.viewer.session_id for s in open_streams})
            try:
                rows = await self._db.call("select id from private.live_web_sessions($1) as id", ids)
            except RequestError:
                continue
            live, now = {row["id"] for row in rows}, time.time()
            for subscriber in open_streams:
                viewer = subscriber.viewer
                if viewer.session_id not in live or viewer.expires_at.timestamp() <= now:
                    subscriber.end()

    def close(self) -> None:
        """End every stream, so that the server can stop."""
        self._closed = True
        for watched in self._watched.values():
            for subscriber in watched.subscribers:
                subscriber.end()


def _frame(region: str, html: str) -> bytes:
    """A region as lines of an SSE message, encoded once for everybody."""
    lines = f'<hx-partial hx-target="#{region}" hx-swap="outerMorph">{html}</hx-partial>'.splitlines()
    return "".join(f"data: {line}\n" for line in lines).encode()


def signed_out() -> Response:
    """The stream of somebody who is not signed in: one close event, and no 401 that is tried for ever."""

    async def close() -> AsyncIterator[bytes]:
        yield b"event: close\ndata: signed out\n\n"

    return EventSourceResponse(close(), sep="\n", ping=0)
