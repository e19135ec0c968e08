"""A benchmark that is stopped takes its server and its database with it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.app_server import DEADLINE
from tests.conftest import ROOT, a_folder, until


def at_work_in(folder: Path) -> list[str]:
    """The processes that were started for something in this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes().partition(
                b"FLOORWALKER_HOME="
            )[2]
        except OSError:
            continue
        if str(folder).encode() in told:
            found.append(told.replace(b"\0", b" ").decode(errors="replace")[:100])
    return found


@pytest.mark.full
@pytest.mark.parametrize(
    "by", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL], ids=lambda by: by.name
)
async def test_a_benchmark_that_is_stopped_leaves_nothing_behind(by: signal.Signals) -> None:
    with a_folder() as folder:
        # As in the background of a script, where a shell makes its children ignore SIGINT.
        ignoring = f"trap '' INT; TMPDIR={folder} exec {sys.executable} -m tests.bench latency"
        bench = subprocess.Popen(["sh", "-c", ignoring], cwd=ROOT, stdout=subprocess.DEVNULL)  # noqa: ASYNC220 - a moment
        try:
            await until(lambda: any("postgres" in one for one in at_work_in(folder)))
            bench.send_signal(by)
            await until(lambda: bench.poll() is not None)
            await until(lambda: not at_work_in(folder))
            if by is not signal.SIGKILL:
                assert (bench.wait(DEADLINE), list(folder.iterdir())) == (130, [])
        finally:
            bench.kill()
            bench.wait()
