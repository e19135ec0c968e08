"""Live pages: audiences and their regions. One read and one render an audience, the same bytes to everybody."""

import asyncio
import datetime as dt
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from starlette.responses import Response

from server import hub as bells
from server.auth import Viewer
from server.db import Database
from server.errors import RequestError
from server.hub import Hub
from server.sse import EventSourceResponse
from server.web import Partials, partial

TICK = 0.025  # seconds at most between two reads; audiences that rang meanwhile share one round trip
_BATCH = 100  # audiences a round trip
_RETRY = 1.0  # after a read that failed
_RECHECK = 10.0  # how often all sessions behind the streams are looked at, whatever was rung
CONNECTION = "connection"  # the region that says whether the page is live

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """A region whose parts may travel alone: their ids and partials in order, and how they become the whole one."""

    each: Mapping[str, str]
    whole: Callable[[], str]


Regions = Mapping[str, str | Parts]


@dataclass(frozen=True, slots=True)
class Page:
    """A kind of live page: what rings it, how often it is read at most, how its rows become regions."""

    name: str
    tables: frozenset[str]
    urgent: frozenset[str]  # of the tables: those that wait for no throttle
    every: float  # seconds between two reads, in the long run
    burst: int  # reads that may follow one another at once after a pause
    render: Callable[[Any, Partials], Regions]  # region's id → its partial


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

    __slots__ = ("_pending", "_waiting", "ended", "unsubscribe", "viewer")

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.unsubscribe: Callable[[], None] = lambda: None
        self._pending: dict[str, bytes] = {}
        self._waiting: asyncio.Future[None] | None = None
        self.ended = False

    def send(self, regions: Mapping[str, bytes]) -> None:
        """Replace what waits for the reader with the newest."""
        if not self._pending:  # a reader who keeps up, as nearly all do
            self._pending.update(regions)
            self._wake()
            return
        for name, frame in regions.items():
            for older in [key for key in self._pending if key == name or key.startswith(f"{name} ")]:
                del self._pending[older]  # what comes later stands later, and a whole region holds its parts
            self._pending[name] = frame
        self._wake()

    def end(self) -> None:
        """End the stream; the browser's next try goes through the door again."""
        self.ended = True
        self._wake()

    @property
    def pending(self) -> bool:
        """Whether something waits for the reader."""
        return bool(self._pending)

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def wait(self) -> asyncio.Future[None]:
        """The next time something becomes pending, or the stream ends."""
        self._waiting = asyncio.get_running_loop().create_future()
        return self._waiting

    def take(self) -> bytes:
        """All that is pending, joined into one SSE message."""
        pending, self._pending = self._pending, {}
        return b"".join((*pending.values(), b"\n"))


@dataclass(slots=True, eq=False)
class _Watched:
    """An audience that somebody watches."""

    audience: Audience
    subscribers: set[Subscriber] = field(default_factory=set)
    regions: Regions = field(default_factory=dict)
    frames: dict[str, bytes] | None = None  # of the regions as they are, once somebody has come since
    partials: Partials = field(default_factory=Partials)
    quiet_until: float = 0.0
    ring: Callable[[str], None] = lambda _: None
    unsubscribe: Callable[[], None] = lambda: None


def _at(due: tuple[_Watched, float]) -> float:
    return due[1]


class Streams:
    """All audiences of the process, and the one task that reads those that rang."""

    def __init__(self, db: Database, hub: Hub) -> None:
        self._db, self._hub = db, hub
        self._watched: dict[Audience, _Watched] = {}
        self._due: dict[_Watched, float] = {}
        self._wake = asyncio.Event()
        self._closed = False
        self._doubted: set[Subscriber] = set()  # whose sessions may have ended without our hearing of it
        self._failing_since: dt.datetime | None = None  # when reading stopped to work
        hub.subscribe([bells.STATE], lambda _: self._tell_connection())

    def __len__(self) -> int:
        return sum(len(watched.subscribers) for watched in self._watched.values())

    async def read(self, audience: Audience, viewer: Viewer) -> Mapping[str, str]:
        """The regions for a first page, read as the viewer."""
        rows = await self._ask([(audience, viewer)])
        if rows[0]["failure"] is not None:
            raise RuntimeError(rows[0]["failure"])
        # Not live yet: that is for the stream to say, once it is there.
        as_of = partial("shared/_connection.html", state="page", since=dt.datetime.now(dt.UTC))
        regions = audience.page.render(rows[0]["shown"], Partials())
        return {**{name: _whole(region) for name, region in regions.items()}, CONNECTION: as_of}

    def response(self, audience: Audience, viewer: Viewer) -> Response:
        """The stream: a snapshot, then every change, until the session ends."""
        return EventSourceResponse(self._stream(audience, viewer), ping=15, sep="\n", send_timeout=30)

    async def _stream(self, audience: Audience, viewer: Viewer) -> AsyncIterator[bytes]:
        subscriber = Subscriber(viewer)
        self._join(audience, subscriber)
        try:
            yield b"retry: 500\n\n"
            while not subscriber.ended:
                if subscriber.pending:
                    yield subscriber.take()
                else:
                    await subscriber.wait()
        finally:
            self._leave(audience, subscriber)

    def _join(self, audience: Audience, subscriber: Subscriber) -> None:
        viewer = subscriber.viewer
        watched = self._watched.get(audience)
        if watched is None:
            watched = self._watched[audience] = _Watched(audience)
            watched.ring = self._ringer(watched)
            watched.unsubscribe = self._hub.subscribe(audience.topics, watched.ring)
            watched.ring("")
        watched.subscribers.add(subscriber)
        look_again = watched.ring

        def end(_topic: str) -> None:
            if self._hub.polling:  # by the clock, which knows nobody: _keep_checking_sessions finds out
                return
            if self._hub.guessing:  # nothing happened that we know of: a thousand streams need not begin anew
                self._doubted.add(subscriber)
                return
            subscriber.end()
            look_again("")  # what was read last may have been read with rights that were gone by then

        subscriber.unsubscribe = self._hub.subscribe(
            [f"web_sessions:{viewer.session_id}", f"users:{viewer.id}"], end
        )
        # What was read last is right but for what has rung since, and that is on its way.
        if watched.frames is None:
            watched.frames = {name: _frame(name, _whole(region)) for name, region in watched.regions.items()}
        subscriber.send({CONNECTION: _frame(CONNECTION, self._connection()), **watched.frames})
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
            at = 0.0 if table in page.urgent else max(watched.quiet_until, time.monotonic())
            self._due[watched] = min(self._due.get(watched, at), at)
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
            due = sorted(self._due.items(), key=_at)  # the urgent first, then who has waited longest
            ready = [watched for watched, at in due[:_BATCH] if at <= now]
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
                page = watched.audience.page
                # The bucket that leaks (GCRA, ITU-T I.371): some reads at once, then one each `every` seconds.
                watched.quiet_until = (
                    max(watched.quiet_until, now - (page.burst - 1) * page.every) + page.every
                )
            await self._refresh(ready)
            if (
                len(ready) < _BATCH
            ):  # as long as that took, so that the busier it is the more share a round trip
                await asyncio.sleep(min(TICK, time.monotonic() - now))

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
            watched.partials.turn()
            rendered = watched.audience.page.render(shown, watched.partials)
        except Exception:  # one page that cannot be shown must not stop everybody's
            log.exception("audience_failed", page=watched.audience.page.name)
            self._again([watched])
            return
        changed = dict(_changes(watched.regions, rendered))
        watched.regions = rendered
        if changed:
            watched.frames = None
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
        checked = time.monotonic()
        while True:
            await asyncio.sleep(_RETRY)
            doubted, self._doubted = self._doubted, set()
            open_streams = [s for w in self._watched.values() for s in w.subscribers]
            if time.monotonic() - checked < _RECHECK:
                open_streams = [s for s in open_streams if s in doubted] if doubted else []
            else:
                checked = time.monotonic()
            if not open_streams:
                continue
            ids = list({s.viewer.session_id for s in open_streams})
            try:
                rows = await self._db.call("select id from private.live_web_sessions($1) as id", ids)
            except RequestError:
                self._doubted.update(doubted)
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


def _changes(before: Regions, now: Regions) -> Iterator[tuple[str, bytes]]:
    """Each region that is another now, or the parts of it that are: 'region' or 'region part', and its frame."""
    for name, region in now.items():
        known = before.get(name)
        if isinstance(region, Parts) and isinstance(known, Parts) and [*region.each] == [*known.each]:
            for part, html in region.each.items():
                if known.each[part] != html:
                    yield f"{name} {part}", _frame(part, html, f' data-of="{name}"')
        elif region != known:
            yield name, _frame(name, _whole(region))


def _whole(region: str | Parts) -> str:
    return region if isinstance(region, str) else region.whole()


def _frame(region: str, html: str, more: str = "") -> bytes:
    """A region as lines of an SSE message, encoded once for everybody."""
    text = f'<hx-partial hx-target="#{region}" hx-swap="outerMorph"{more}>{html}</hx-partial>'
    return "".join(f"data: {line}\n" for line in text.splitlines()).encode()


def signed_out() -> Response:
    """The stream of somebody who is not signed in: one close event, and no 401 that is tried for ever."""

    async def close() -> AsyncIterator[bytes]:
        yield b"event: close\ndata: signed out\n\n"

    return EventSourceResponse(close(), sep="\n", ping=0)
