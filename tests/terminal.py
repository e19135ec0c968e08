"""A command at a terminal: its output, and what is typed into it."""

import os
import pty
import select
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.app_server import DEADLINE
from tests.conftest import ROOT


@dataclass(slots=True)
class Terminal:
    """The terminal of a running command."""

    pid: int
    descriptor: int
    shown: str = ""
    known: int = 0  # characters of it that were waited for
    status: int | None = None

    def wait_for(self, words: str, seconds: float = DEADLINE) -> None:
        """Read until these words are shown, after those that were waited for before."""
        end = time.monotonic() + seconds
        while words not in self.shown[self.known :]:
            assert time.monotonic() < end, self.shown
            assert self._read(end), self.shown
        self.known = self.shown.index(words, self.known) + len(words)

    def type(self, line: str) -> None:
        os.write(self.descriptor, line.encode() + b"\n")

    def interrupt(self) -> None:
        """Press Ctrl-C once the command reads, because a signal between Python's last check and the read would not wake it."""
        stat = Path(f"/proc/{self.pid}/stat")
        end = time.monotonic() + DEADLINE
        while stat.read_text().rpartition(")")[2].split()[0] != "S":
            assert time.monotonic() < end, self.shown
            time.sleep(0.01)
        os.write(self.descriptor, b"\x03")

    def end(self, seconds: float = DEADLINE) -> int:
        """Read all there is and wait for the end; the exit status."""
        end = time.monotonic() + seconds
        while self._read(end):
            assert time.monotonic() < end, self.shown
        self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status

    def _read(self, end: float) -> bool:
        ready, _, _ = select.select([self.descriptor], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            return True
        try:
            part = os.read(self.descriptor, 65_536)
        except OSError:  # the other end is closed
            return False
        self.shown += part.decode().replace("\r\n", "\n")
        return bool(part)


@contextmanager
def at_a_terminal(*words: str, **environment: str) -> Iterator[Terminal]:
    """`floorwalker …` with nothing but this environment."""
    pid, descriptor = pty.fork()
    if pid == 0:
        # Ignored where the tests themselves run in the background.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.chdir(ROOT)
        command = [sys.executable, "-m", "server", *words]
        os.execve(command[0], command, {"PATH": os.environ["PATH"], "TERM": "xterm", **environment})
    terminal = Terminal(pid, descriptor)
    try:
        yield terminal
    finally:
        if terminal.status is None:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        os.close(descriptor)
