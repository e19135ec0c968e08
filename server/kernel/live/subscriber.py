"""Who reads one stream, and what waits for them."""

import asyncio
from collections.abc import Callable, Mapping

from server.kernel.auth import Viewer


class Subscriber:
    """One open stream: holds the newest state of each region and nothing older, however slow its reader."""

    __slots__ = ("_waiting", "ended", "farewell", "frames", "unsubscribe", "viewer")

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.unsubscribe: Callable[[], None] = lambda: None
        self.frames: dict[str, bytes] = {}  # region, or region and part → what waits for the reader
        self._waiting: asyncio.Future[None] | None = None
        self.ended = False
        self.farewell = b""  # SSE messages that come last

    def send(self, regions: Mapping[str, bytes]) -> None:
        """Replace what waits for the reader with the newest."""
        if not self.frames:  # a reader who keeps up, as nearly all do
            self.frames.update(regions)
            self._wake()
            return
        for name, newest in regions.items():
            for older in [key for key in self.frames if key == name or key.startswith(f"{name} ")]:
                del self.frames[older]  # what comes later stands later, and a whole region holds its parts
            self.frames[name] = newest
        self._wake()

    def end(self, farewell: bytes = b"") -> None:
        """End the stream, with these last words if any; the browser's next try goes through the door again."""
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
        """The next time something becomes pending, or the stream ends."""
        self._waiting = asyncio.get_running_loop().create_future()
        return self._waiting

    def take(self) -> bytes:
        """All that is pending, joined into one SSE message."""
        pending, self.frames = self.frames, {}
        return b"".join((*pending.values(), b"\n"))
