"""The reader of one stream, and the regions that wait to be sent to it."""

import asyncio
from collections.abc import Callable, Mapping

from server.kernel.auth import Viewer


class Subscriber:
    """One open stream. It holds only the newest state of each region, however slow its reader is."""

    __slots__ = ("_waiting", "ended", "farewell", "frames", "unsubscribe", "viewer")

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.unsubscribe: Callable[[], None] = lambda: None
        self.frames: dict[str, bytes] = {}  # region, or region and part → the bytes that wait for the reader
        self._waiting: asyncio.Future[None] | None = None
        self.ended = False
        self.farewell = b""  # the last SSE messages

    def send(self, regions: Mapping[str, bytes]) -> None:
        """Replace the waiting regions with newer ones."""
        if not self.frames:  # a reader that keeps up, as nearly all do
            self.frames.update(regions)
            self._wake()
            return
        for name, newest in regions.items():
            # Deleted first, because a newer region is sent later, and a whole region replaces its parts.
            for older in [key for key in self.frames if key == name or key.startswith(f"{name} ")]:
                del self.frames[older]
            self.frames[name] = newest
        self._wake()

    def end(self, farewell: bytes = b"") -> None:
        """End the stream, after these last messages if any. The browser connects again and is authorised like any request."""
        self.ended = True
        self.farewell = farewell
        self._wake()

    @property
    def pending(self) -> bool:
        """Whether something waits for the reader."""
        return bool(self.frames)

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def wait(self) -> asyncio.Future[None]:
        """A future that completes when something is pending or the stream ends."""
        self._waiting = asyncio.get_running_loop().create_future()
        return self._waiting

    def take(self) -> bytes:
        """All that is pending, as one SSE message."""
        pending, self.frames = self.frames, {}
        return b"".join((*pending.values(), b"\n"))
