"""Streams of live pages: one read and one render per audience, and the same bytes for all its viewers."""

import asyncio
import datetime as dt
import random
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import UUID

import structlog
from sse_starlette import ServerSentEvent
from starlette.responses import Response

from server.errors import RequestError
from server.kernel.auth import Viewer
from server.kernel.db import Database, KeptConnection
from server.kernel.http import Partials, partial
from server.kernel.live.hub import STATE, Hub
from server.kernel.live.pages import Audience
from server.kernel.live.reads import READ, FirstPages, Read, query
from server.kernel.live.regions import Regions, changes, frame, whole
from server.kernel.live.scheduler import BATCH, Lane, Throttle
from server.kernel.live.sse import EventSourceResponse
from server.kernel.live.subscriber import Subscriber
from server.kernel.live.topics import Ring

TICK = 0.025  # seconds at most between two reads; audiences that ring meanwhile share one round trip
_REST = 3.0  # a read is followed by a pause this many times as long, but no longer than TICK
_BREATH = 0.0005  # seconds of rendering without a pause. A decision under 1,000 metrics/s has p99 252 ms with 5 audiences, 200 with one at a time, on a slow machine
_RETRY = 1.0  # seconds until a failed read is tried again
_PING = 10  # seconds between two pings; a page without one for 25 s is not live (static/js/connection.js)
_RECHECK = 10  # seconds in which the sessions of all streams are checked once, a part of them each second
_STOP = b"event: stop\ndata: too many streams\n\n"
CONNECTION = "connection"  # the region that says whether the page is live

log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class _Watched:
    """An audience with at least one viewer."""

    audience: Audience
    lane: "Lane[_Watched]"
    calm: Throttle
    urgent: Throttle
    urgent_pending: bool = False  # whether something urgent has rung since the last read
    # Read all rows, because none is known yet or known ones may be wrong: a notification was missed, or a read failed.
    must_reread: bool = True
    reading: bool = False  # a read is under way, and an older result must not arrive after a newer one
    subscribers: set[Subscriber] = field(default_factory=set)
    regions: Regions = field(default_factory=dict)
    last: Read | None = None  # of a shared page
    # The regions as bytes, for viewers that join; None when they have to be made again.
    frames: dict[str, bytes] | None = None
    failing_since: dt.datetime | None = None  # since when it cannot be read or rendered
    partials: Partials = field(default_factory=Partials)
    ring: Ring = lambda _topic, _certain: None
    unsubscribe: Callable[[], None] = lambda: None


class Streams:
    """All audiences of the process, and the tasks that read those that rang.

    A stream ends without a farewell when its session ends; the browser connects again and is authorised like any request.
    """

    def __init__(self, db: Database, hub: Hub, per_account: int) -> None:
        self._db, self.hub, self._per_account = db, hub, per_account
        self.watched: dict[Audience, _Watched] = {}
        # True: pages with urgent tables, which are quick to read.
        self.lanes = {False: Lane[_Watched](), True: Lane[_Watched]()}
        self._subscribers: dict[Subscriber, list[_Watched]] = {}
        # The streams of each account, in the order in which they opened.
        self._accounts: dict[UUID, dict[Subscriber, None]] = {}
        self._first_pages = FirstPages(db, self._streamed)
        self._closed = False
        self._to_recheck: set[Subscriber] = set()  # their sessions may have ended without a notification
        hub.topics.subscribe([STATE], lambda _topic, _certain: self._tell_connection(self._subscribers))

    def __len__(self) -> int:
        return len(self._subscribers)

    def whose(self, page: str) -> set[str]:
        """Whose rows are watched on this page by a stream of this process."""
        return {one.whose for one in self.watched if one.page.name == page}

    async def read(self, audiences: Sequence[Audience], viewer: Viewer) -> Mapping[str, str]:
        """The regions of a first page, read as the viewer; with the key "title" where the page makes one."""
        regions: dict[str, str] = {}
        reads = await self._first_pages.read(audiences, viewer)
        for audience in audiences:
            regions |= {name: whole(region) for name, region in reads[audience].regions.items()}
            if (title := reads[audience].title) is not None:
                regions["title"] = title
        # Only the stream may say live, so the line is true without JavaScript as well.
        as_of = partial(
            "shared/_connection.html", state="page", since=min(read.when for read in reads.values())
        )
        return regions | {CONNECTION: as_of}

    def _streamed(self, audience: Audience) -> Read | None:
        """What all viewers of a shared page see, while notifications arrive and it can be read."""
        watched = self.watched.get(audience)
        if watched is None or watched.last is None or watched.failing_since or self.hub.state.name != "live":
            return None
        return watched.last if watched.must_reread else Read(watched.last.regions)

    def response(self, audiences: Sequence[Audience], viewer: Viewer) -> Response:
        """The stream: all regions, then every change, until the session ends."""
        return EventSourceResponse(
            self._stream(audiences, viewer),
            ping=_PING,
            ping_early=random.uniform(0, _PING),  # noqa: S311 - spreads a thousand that connected together
            ping_message_factory=_Ping,
            sep="\n",
            send_timeout=30,
        )

    async def _stream(self, audiences: Sequence[Audience], viewer: Viewer) -> AsyncIterator[bytes]:
        subscriber = Subscriber(viewer)
        self.enter(audiences, subscriber)
        try:
            yield b"retry: 500\n\n" + _Ping().encode()
            while not subscriber.ended:
                if subscriber.pending:
                    yield subscriber.take()
                else:
                    await subscriber.wait()
            if subscriber.farewell:
                yield subscriber.farewell
        finally:
            self.leave(subscriber)

    def enter(self, audiences: Sequence[Audience], subscriber: Subscriber) -> None:
        """Add a viewer: send everything there is now, and every change from now on."""
        viewer = subscriber.viewer
        self._stop_oldest(viewer)
        self._accounts.setdefault(viewer.id, {})[subscriber] = None
        watched = self._subscribers[subscriber] = [self._join(audience, subscriber) for audience in audiences]

        def end(_topic: str, certain: bool) -> None:
            if self.hub.state.name == "polling":
                return  # all topics ring at intervals; check_sessions finds sessions that ended
            if not certain:
                # A notification may have been missed. The session is checked within a second, because to end every
                # stream would make a thousand pages connect again.
                self._to_recheck.add(subscriber)
                return
            subscriber.end()
            for one in watched:  # the last read may have used rights that have ended
                one.ring("", True)

        subscriber.unsubscribe = self.hub.topics.subscribe(
            [f"web_sessions:{viewer.session_id}", f"users:{viewer.id}"], end
        )
        self._tell_connection([subscriber])
        if self._closed:
            subscriber.end()

    def _stop_oldest(self, viewer: Viewer) -> None:
        """Stop the oldest stream of an account that has as many as allowed, and tell its page not to connect again."""
        if len(self._accounts.get(viewer.id, ())) < self._per_account:
            return
        open_streams = [one for one in self._accounts[viewer.id] if not one.ended]
        if len(open_streams) >= self._per_account:
            text = partial("shared/_connection.html", state="stopped", since=dt.datetime.now(dt.UTC))
            open_streams[0].end(frame(CONNECTION, text) + b"\n" + _STOP)
            log.info("stream_stopped", user=str(viewer.id), streams=len(open_streams))

    def _join(self, audience: Audience, subscriber: Subscriber) -> _Watched:
        watched = self.watched.get(audience)
        if watched is None:
            page, lane = audience.page, self.lanes[bool(audience.page.urgent)]
            calm, urgent = Throttle(page.every, page.burst), Throttle(page.urgent_every, page.burst)
            watched = self.watched[audience] = _Watched(audience, lane, calm, urgent)
            if (last := self._first_pages.last(audience)) is not None:
                watched.last, watched.regions, watched.partials = last, last.regions, last.partials
                calm.open_at = last.at + page.every
            watched.ring = self._ringer(watched)
            watched.unsubscribe = self.hub.topics.subscribe(audience.topics, watched.ring)
        if watched.must_reread:
            watched.ring("", True)
        watched.subscribers.add(subscriber)
        # The last result is right except for what has rung since, which will follow.
        if watched.frames is None:
            watched.frames = {name: frame(name, whole(region)) for name, region in watched.regions.items()}
        subscriber.send(watched.frames)
        return watched

    def leave(self, subscriber: Subscriber) -> None:
        """Remove a viewer, and the audiences that no other viewer watches."""
        subscriber.unsubscribe()
        of_account = self._accounts[subscriber.viewer.id]
        del of_account[subscriber]
        if not of_account:
            del self._accounts[subscriber.viewer.id]
        for watched in self._subscribers.pop(subscriber):
            watched.subscribers.discard(subscriber)
            if not watched.subscribers:
                watched.unsubscribe()
                watched.lane.due.pop(watched, None)
                del self.watched[watched.audience]
                if watched.last is not None:
                    self._first_pages.keep(watched.audience, watched.last)

    def _ringer(self, watched: _Watched) -> Ring:
        urgent_tables = watched.audience.page.urgent

        def ring(topic: str, certain: bool) -> None:
            urgent = topic.partition(":")[0] in urgent_tables
            watched.urgent_pending |= urgent
            watched.must_reread |= not certain
            throttle = watched.urgent if urgent else watched.calm
            watched.lane.ring(watched, max(throttle.open_at, time.monotonic()))

        return ring

    async def run(self) -> None:
        """Read audiences that rang, while the process runs."""
        async with asyncio.TaskGroup() as tasks:
            for lane in (*self.lanes.values(), self.lanes[True]):  # one renders while another waits
                tasks.create_task(self._keep_reading(lane))

    async def _keep_reading(self, lane: Lane[_Watched]) -> None:
        async with self._db.kept_connection() as connection:
            while True:
                await self._read_next(lane, connection)

    async def _read_next(self, lane: Lane[_Watched], connection: KeptConnection) -> None:
        now = time.monotonic()
        ready = lane.ready(now)
        if not ready:
            await lane.wait(now)
            return
        urgent = {watched for watched in ready if watched.urgent_pending}
        for watched in ready:
            del lane.due[watched]
            watched.reading = True
            watched.calm.take(now)
            if watched.urgent_pending:
                watched.urgent.take(now)
                watched.urgent_pending = False
        try:
            await self._refresh(ready, urgent, connection)
        finally:
            for watched in ready:
                watched.reading = False
            if lane.due:
                lane.wake()
        if len(ready) < BATCH:  # the busier the server, the more audiences share a round trip
            await lane.rest(min(TICK, (time.monotonic() - now) * _REST))

    async def _refresh(
        self, ready: list[_Watched], urgent: set[_Watched], connection: KeptConnection
    ) -> None:
        # Each audience is read with the rights of one of its viewers, but never of one whose session has ended.
        readers = {w: next((s.viewer for s in w.subscribers if not s.ended), None) for w in ready}
        wanted = []
        for watched, viewer in readers.items():
            if viewer is None:
                watched.must_reread = True  # for a viewer that joins before it is removed
                continue
            if watched.must_reread:
                watched.partials, watched.must_reread = Partials(), False
            known = watched.partials.row_versions
            wanted.append(query(watched.audience, viewer, known, urgent=watched in urgent))
        ready = [w for w in ready if readers[w] is not None]
        try:
            rows = await connection.call(READ, wanted) if wanted else []
        except Exception as error:  # noqa: BLE001 - after any error the pages become stale and are read again
            log.warning("read_failed", reason=f"{type(error).__name__}: {error}", audiences=len(ready))
            self._again(ready)
            return
        began = time.monotonic()
        for watched, row in zip(ready, rows, strict=True):
            if time.monotonic() - began > _BREATH:
                await asyncio.sleep(0)  # lets decisions and agents' requests run in between
                began = time.monotonic()
            if row["failure"] is not None:
                log.error("audience_failed", page=watched.audience.page.name, reason=row["failure"])
                self._again([watched])
                continue
            self._send(watched, row["shown"])

    def _send(self, watched: _Watched, shown: Any) -> None:
        try:
            watched.partials.turn()
            rendered = watched.audience.page.regions(shown, watched.partials)
        except Exception:  # one page that cannot be rendered must not stop the others
            log.exception("audience_failed", page=watched.audience.page.name)
            self._again([watched])
            return
        if not rendered:
            # The rows are gone or belong to another supervisor. The browser connects again, and its request is refused.
            for subscriber in watched.subscribers:
                subscriber.end()
            return
        self._say_reading(watched, None)
        changed = dict(changes(watched.regions, rendered))
        watched.regions = rendered
        if watched.audience.page.shared:
            watched.last = Read(rendered, partials=watched.partials)
        if changed:
            watched.frames = None
            for subscriber in watched.subscribers:
                subscriber.send(changed)

    def _again(self, watched: list[_Watched]) -> None:
        at, now = time.monotonic() + _RETRY, dt.datetime.now(dt.UTC)
        for one in watched:
            one.must_reread = True  # something urgent may not have been read
            if one.subscribers:
                self._say_reading(one, one.failing_since or now)
                one.lane.ring(one, at)

    def _say_reading(self, watched: _Watched, failing_since: dt.datetime | None) -> None:
        if watched.failing_since != failing_since:
            watched.failing_since = failing_since
            self._tell_connection(watched.subscribers)

    def _tell_connection(self, subscribers: Iterable[Subscriber]) -> None:
        """Tell these viewers whether their page is live: notifications arrive, and every part of the page can be read."""
        lines: dict[dt.datetime | None, bytes] = {}
        for subscriber in subscribers:
            failing = [
                one.failing_since for one in self._subscribers.get(subscriber, ()) if one.failing_since
            ]
            since = min(failing, default=None) if self.hub.state.connected else self.hub.state.since
            if since not in lines:
                live = self.hub.state.connected and since is None
                text = partial("shared/_connection.html", state="live" if live else "stale", since=since)
                lines[since] = frame(CONNECTION, text)
            subscriber.send({CONNECTION: lines[since]})

    async def check_sessions(self) -> None:
        """End streams whose session or token ended without a notification, while the process runs."""
        for turn in count():
            await asyncio.sleep(1)
            must_reread, self._to_recheck = self._to_recheck, set()
            # A tenth of them each second, to spread the work.
            open_streams = [
                s
                for s in self._subscribers
                if s in must_reread or s.viewer.session_id.int % _RECHECK == turn % _RECHECK
            ]
            if not open_streams:
                continue
            ids = list({s.viewer.session_id for s in open_streams})
            try:
                rows = await self._db.call("select id from private.live_web_sessions($1) as id", ids)
            except RequestError:
                self._to_recheck |= must_reread & self._subscribers.keys()
                continue
            live, now = {row["id"] for row in rows}, time.time()
            for subscriber in open_streams:
                viewer = subscriber.viewer
                if viewer.session_id not in live or viewer.expires_at.timestamp() <= now:
                    subscriber.end()

    def close(self) -> None:
        """End every stream, so that the server can stop."""
        self._closed = True
        for subscriber in self._subscribers:
            subscriber.end()


class _Ping(ServerSentEvent):
    """A ping that a page's script sees, with the server's time; made by hand, because hundreds are sent per second."""

    def __init__(self) -> None:
        """The time is that of sending."""

    def encode(self) -> bytes:
        now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
        return f"event: ping\ndata: {now}\n\n".encode()


def signed_out() -> Response:
    """The stream of a client that is not signed in: one close event, because browsers would repeat a 401 without end."""

    async def close() -> AsyncIterator[bytes]:
        yield b"event: close\ndata: signed out\n\n"

    return EventSourceResponse(close(), sep="\n", ping=0)
