"""The programs of PostgreSQL: pg_dump, pg_restore, psql."""

import asyncio
import os
import re
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from server import settings
from server.errors import Invalid, Unavailable


@dataclass(frozen=True, slots=True)
class Programs:
    """Where pg_dump, pg_restore and psql are: a folder, or the PATH."""

    folder: Path | None = None

    def path(self, name: str) -> str:
        return name if self.folder is None else str(self.folder / name)


def secretly(url: str) -> tuple[str, dict[str, str]]:
    """The address without its password, and an environment with it, because every user of a machine can read the arguments of its processes."""
    parts = urlsplit(url)
    account, at, host = parts.netloc.rpartition("@")
    user, _, password = account.partition(":")
    query = parse_qsl(parts.query, keep_blank_values=True)
    given = [unquote(password)] if password else [value for name, value in query if name == "password"]
    rest = urlencode([pair for pair in query if pair[0] != "password"], safe="/", quote_via=quote)
    address = urlunsplit((parts.scheme, user + at + host, parts.path, rest, ""))
    return address, settings.inherited(**({"PGPASSWORD": given[-1]} if given else {}))


def give_way(pid: int, *, idle: bool) -> None:
    """Give a process the lowest priority for CPU, which its I/O priority follows.

    `idle`: it runs only while nothing else wants to. Not for a backend of PostgreSQL, because others wait for the locks that
    it holds for a moment.
    """
    with suppress(ProcessLookupError, PermissionError):  # it may have ended, or belong to another account
        os.setpriority(os.PRIO_PROCESS, pid, 19)
        if idle and hasattr(os, "SCHED_IDLE"):
            os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))


async def check_program(programs: Programs, name: str, server: int) -> None:
    """Invalid when the program is older than the server (by major version), Unavailable when there is none."""
    said = await run_program(
        [programs.path(name), "--version"], settings.inherited(), f"{name} cannot be used"
    )
    numbers = re.findall(r"\d+", said)
    if numbers and int(numbers[0]) < server:
        raise Invalid(
            f"{name} is of PostgreSQL {numbers[0]}, older than the server's {server}: install a newer one"
        )


async def run_program(
    command: list[str], environment: dict[str, str], complaint: str, *, low_priority: bool = False
) -> str:
    """Run a program to its end; return its output. Invalid with its reason when it fails."""
    async with open_program(command, environment) as (child, complaints):
        if low_priority:
            give_way(child.pid, idle=True)
        return await ended(child, complaints, complaint)


async def ended(child: asyncio.subprocess.Process, complaints: IO[bytes], complaint: str) -> str:
    """Wait for the end of a program; return its output. Invalid with its reason when it fails."""
    assert child.stdout is not None
    said = await child.stdout.read()
    if await child.wait() != 0:
        raise Invalid(f"{complaint}: {reason_of(complaints)}")
    return said.decode(errors="replace")


@asynccontextmanager
async def open_program(
    command: list[str],
    environment: dict[str, str],
    *,
    inlet: int = subprocess.DEVNULL,
    output: int = subprocess.PIPE,
    keeps: IO[bytes] | None = None,
) -> AsyncIterator[tuple[asyncio.subprocess.Process, IO[bytes]]]:
    """A program that ends with the block, and the file of its error output. `keeps`: a file whose lock it shares."""
    with tempfile.TemporaryFile() as complaints:
        try:
            child = await asyncio.create_subprocess_exec(
                *command,
                stdin=inlet,
                stdout=output,
                stderr=complaints,
                env=environment,
                pass_fds=[keeps.fileno()] if keeps else [],
            )
        except FileNotFoundError:
            name = Path(command[0]).name
            raise Unavailable(
                f"there is no {name} on this machine's PATH: install PostgreSQL's client"
            ) from None
        try:
            yield child, complaints
        finally:
            if child.returncode is None:
                child.terminate()
                # Its output is read, because otherwise its end is not noticed.
                if child.stdout is not None:
                    await child.stdout.read()
                await child.wait()


def reason_of(complaints: IO[bytes]) -> str:
    """The first error in a program's output."""
    complaints.seek(0)
    lines = complaints.read().decode(errors="replace").splitlines()
    errors = (
        [line for line in lines if re.search(r"\b(error|FATAL|ERROR):", line)] or lines or ["it was ended"]
    )
    return re.sub(r"^(?:\S+: )*(?:error|ERROR):\s*", "", errors[0]).strip().rstrip(".")
