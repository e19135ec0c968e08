"""How audiences are read, and which reads a first page shares with others."""

import asyncio
import datetime as dt
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from server.kernel.auth import Viewer
from server.kernel.db import Database
from server.kernel.http import Partials
from server.kernel.live.pages import Audience
from server.kernel.live.regions import Regions

READ = "select shown, failure from private.read_audiences_v2($1)"


def query(
    audience: Audience, viewer: Viewer, known: Mapping[str, str] | None = None, *, urgent: bool = True
) -> dict[str, Any]:
    """The arguments to read an audience as the viewer; rows with a version in `known` are not returned."""
    arguments = json.loads(audience.arguments) | {"known": known or {}, "urgent": urgent}
    return {"claims": viewer.claims, "page": audience.page.name, "arguments": arguments}


@dataclass(frozen=True, slots=True)
class Read:
    """The regions of an audience as they were at a time."""

    regions: Regions
    title: str | None = None
    partials: Partials = field(default_factory=Partials)
    at: float = field(default_factory=time.monotonic)
    when: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))


class FirstPages:
    """The reads of first pages.

    A page that is `shared` is read at most once per `every` seconds for all first pages and streams together: a first page
    shows what a stream of this process shows, or what the last read gave, and waits for a read that is under way. Its
    stream follows at once, so it is never older than that for longer. A wallboard of 10,000 live interactions takes 11 ms of CPU where
    somebody has read it, and 140 where nobody has (bench stored, "wallboard" and "wallboard, unread", 2026-11-29).
    """

    def __init__(self, db: Database, streamed: Callable[[Audience], Read | None]) -> None:
        """`streamed` returns what the viewers of a shared page see, where that is current."""
        self._db, self._streamed = db, streamed
        self._kept: dict[Audience, Read] = {}
        self._under_way: dict[Audience, asyncio.Future[Read | None]] = {}

    def keep(self, audience: Audience, read: Read) -> None:
        """Keep the read of a shared page for those who come within `every` seconds."""
        if audience.page.shared:
            now = time.monotonic()
            for old in [one for one, kept in self._kept.items() if now - kept.at >= one.page.every]:
                del self._kept[old]
            self._kept[audience] = read

    def last(self, audience: Audience) -> Read | None:
        """The read of a shared page that is less than `every` seconds old."""
        kept = self._kept.get(audience)
        return kept if kept is not None and time.monotonic() - kept.at < audience.page.every else None

    async def read(self, audiences: Sequence[Audience], viewer: Viewer) -> dict[Audience, Read]:
        """The newest reads of these audiences: of those that nobody shares now, in one round trip."""
        found = {one: read for one in audiences if (read := self._shared(one)) is not None}
        others = {
            one: self._under_way[one] for one in audiences if one not in found and one in self._under_way
        }
        found |= await self._read([one for one in audiences if one not in found | others], viewer)
        for audience, under_way in others.items():
            # Shielded, because a viewer who leaves must not take it from the others.
            read = await asyncio.shield(under_way)
            found |= {audience: read} if read else await self._read([audience], viewer)
        return found

    def _shared(self, audience: Audience) -> Read | None:
        if not audience.page.shared:
            return None
        return self._streamed(audience) or self.last(audience)

    async def _read(self, audiences: Sequence[Audience], viewer: Viewer) -> dict[Audience, Read]:
        if not audiences:
            return {}
        under_way = {one: asyncio.get_running_loop().create_future() for one in audiences if one.page.shared}
        self._under_way |= under_way
        found: dict[Audience, Read] = {}
        try:
            began = time.monotonic()
            rows = await self._db.call(READ, [query(audience, viewer) for audience in audiences])
            for audience, row in zip(audiences, rows, strict=True):
                if row["failure"] is not None:
                    raise RuntimeError(row["failure"])
                page, shown, partials = audience.page, row["shown"], Partials()
                title = page.title(shown) if page.title is not None and shown is not None else None
                read = found[audience] = Read(page.regions(shown, partials), title, partials, began)
                self.keep(audience, read)
        finally:
            for audience, future in under_way.items():
                self._under_way.pop(audience, None)
                future.set_result(found.get(audience))
        return found
