"""Processes of a PostgreSQL that an earlier server of this home started."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from server.embedded.folders import StartError

_PROC = Path("/proc")


def clear_stale(data: Path, sockets: Path) -> None:
    """Stop an earlier PostgreSQL, and wait for its processes to end. Only the owner of the home's lock may call this."""
    pid_file = data / "postmaster.pid"
    if not pid_file.exists():
        return
    first = pid_file.read_text().partition("\n")[0].strip()
    pid = int(first) if first.isdigit() else 0
    if pid and _is_server(pid, data):
        _end_orphan(pid, data)
    # The children of a killed server end by themselves within milliseconds, and use its shared memory until then.
    _wait(
        lambda: not _working_in(data),
        10,
        f"Processes of an earlier PostgreSQL still run in {data}: stop them by hand and start again.",
    )
    pid_file.unlink(missing_ok=True)
    for left in sockets.glob(".s.PGSQL.*"):
        left.unlink(missing_ok=True)


def _end_orphan(pid: int, data: Path) -> None:
    try:
        os.kill(pid, signal.SIGINT)
    except ProcessLookupError:
        return
    _wait(
        lambda: not _is_server(pid, data),
        60,
        f"An earlier PostgreSQL (process {pid}) does not stop: stop it by hand and start again.",
    )


def _is_server(pid: int, data: Path) -> bool:
    """Whether this process is a PostgreSQL of this data folder. The number may belong to another process by now, or to a zombie."""
    arguments = _arguments(pid)
    return bool(arguments) and Path(arguments[0]).name == "postgres" and str(data) in arguments


def _arguments(pid: int) -> list[str]:
    if sys.platform != "linux":
        shown = subprocess.run(
            ["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        return shown.stdout.split()
    try:
        if _state(_PROC / str(pid)) in "ZX":
            return []
        return os.fsdecode((_PROC / str(pid) / "cmdline").read_bytes()).split("\0")
    except OSError:
        return []


def _working_in(data: Path) -> bool:
    """Whether a process has the data folder as its working folder, as every process of PostgreSQL does."""
    for process in _PROC.glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == data and _state(process) not in "ZX":
                return True
        except OSError:
            continue
    return False


def _state(process: Path) -> str:
    return (process / "stat").read_text().rpartition(")")[2].split()[0]


def _wait(done: Callable[[], bool], seconds: float, complaint: str) -> None:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise StartError(complaint)
        time.sleep(0.05)
