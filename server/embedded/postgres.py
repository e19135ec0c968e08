"""The embedded PostgreSQL of a home. The first process starts it, and later ones connect to it."""

import asyncio
import ctypes
import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO
from urllib.parse import quote, urlencode

import asyncpg
import structlog

from server.embedded import folders, local_access
from server.embedded.folders import Account, Folders, StartError
from server.embedded.local_access import SUPERUSER
from server.embedded.prepare import create_database, prepare
from server.embedded.processes import clear_stale

__all__ = ["SUPERUSER", "Postgres", "StartError", "prepare"]

_LOG_BYTES = 10_000_000
# Instead of this process's environment, which could change the server's behaviour.
_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}
_ACCESS = ("--auth-local=peer", "--auth-host=scram-sha-256")
_LOCALE = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8")
_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    # A checkpoint after 2 GB of log, or after five minutes; a home may grow by that much. After each checkpoint every page is
    # logged whole once. With 256 MB, which a large floor writes in half a minute, this was most of the log (2026-11-25).
    "max_wal_size": "2GB",
    "shared_buffers": "128MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u ",
}
_NOT_YET = (OSError, asyncpg.OperatorInterventionError, asyncpg.PostgresConnectionError)

log = structlog.get_logger(__name__)


class Postgres:
    """The PostgreSQL of one FLOORWALKER_HOME. The first process starts and owns it; later ones connect to it (join)."""

    def __init__(
        self, home: Path, *, bin_folder: Path | None = None, settings: Mapping[str, str] | None = None
    ) -> None:
        self.home = home.resolve()
        self.owner = False
        self._given_bin = bin_folder
        self._bin: Path | None = None
        self._settings = {**_SETTINGS, **(settings or {})}
        self._folders: Folders | None = None
        self._lock: IO[bytes] | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._stopped = True

    def start(self) -> None:
        """Own or join the server of this home and wait until it answers; on the main thread only.

        On the main thread, because Linux signals the server (PR_SET_PDEATHSIG) when the thread that created it ends.
        """
        assert threading.current_thread() is threading.main_thread()
        self._stopped = False
        try:
            folders.make_home(self.home)
            self._take_lock()
            ready = False
            while not ready:
                if self.owner and self._child is None:
                    self._launch()
                with ThreadPoolExecutor(1) as thread:  # because the caller's thread may have a running loop
                    ready = thread.submit(asyncio.run, self._ready()).result()
        except OSError as error:
            self.stop()
            raise StartError(
                f"FLOORWALKER_HOME ({self.home}) cannot be used ({error.strerror or error}): "
                "choose another folder, or give this account the right to write there."
            ) from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server if this process owns it. Open connections are closed; no committed data is lost."""
        self._stopped = True
        child, self._child = self._child, None
        if child is not None and child.poll() is None:
            child.send_signal(signal.SIGINT)
            try:
                child.wait(30)
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGQUIT)
                child.wait(10)
        self.owner = False
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    async def keep(self) -> None:
        """Restart the server when it dies, or when the process that owned it has ended, until `stop` is called.

        Runs in the event loop of the main thread.
        """
        while True:
            await asyncio.sleep(0.25)
            if self._stopped:
                return
            if self._child is not None and self._child.poll() is None:
                continue
            if not self.owner and not self._take_lock():
                continue
            log.warning("postgres_gone", status=self._child.returncode if self._child else None)
            try:
                found = self._found()
                await asyncio.to_thread(clear_stale, found.data, found.sockets)
                if self._lock is None:  # stopped meanwhile
                    return
                self._launch()
                await self._ready()
                log.info("postgres_restarted")
            except (StartError, OSError, asyncpg.PostgresError) as error:
                log.warning("postgres_restart_failed", reason=str(error))
                await asyncio.sleep(1)

    def alive(self) -> bool:
        """Whether the socket accepts connections."""
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self._found().sockets / ".s.PGSQL.5432"))
            except OSError:
                return False
        return True

    def url(self, role: str, database: str = "postgres") -> str:
        """The address for `role`, for asyncpg and psql. It names a port, so that PGPORT in the environment has no effect."""
        query = urlencode({"host": str(self._found().sockets), "port": "5432"}, safe="/")
        return f"postgresql://{quote(role, safe='')}@/{quote(database, safe='')}?{query}"

    def bin(self, name: str) -> Path:
        """The path of `psql`, `pg_dump` and the like."""
        return (self._bin or folders.binaries(self._given_bin)) / name

    def _found(self) -> Folders:
        # A process that joined reads them each time, because a later owner may have moved the socket.
        return self._folders or folders.existing_folders(self.home)

    def _take_lock(self) -> bool:
        """Become the owner unless another running process is; the lock ends with its process."""
        lock = folders.open_lock(self.home)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return False
        self._lock, self.owner = lock, True
        return True

    def _launch(self) -> None:
        who = folders.account(self.home)
        self._folders = found = folders.prepare_folders(self.home, who)
        self._bin = folders.reachable_binaries(folders.binaries(self._given_bin), found.place, who)
        clear_stale(found.data, found.sockets)
        if not found.data.exists():
            self._initdb(who, found)
        local_access.write(self.home, found.data, who)
        settings = dict(self._settings, unix_socket_directories=str(found.sockets))
        if any((self._bin.parent / "lib").rglob("pg_stat_statements.*")):
            settings.setdefault("shared_preload_libraries", "pg_stat_statements")
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with _open_log(self.home / "postgres.log") as output:
            self._child = _popen([self._bin / "postgres", "-D", found.data, *arguments], who, output)

    def _initdb(self, who: Account, found: Folders) -> None:
        assert self._bin is not None
        half = found.place / "data.new"
        half.mkdir(mode=0o700)
        if who.switch:
            os.chown(half, who.uid, who.gid)
        arguments: list[str | Path] = ["-D", half, "-U", SUPERUSER, "--encoding=UTF8", *_ACCESS]
        version = subprocess.check_output([self._bin / "initdb", "--version"], text=True)
        # The builtin provider sorts in the same way on every machine. It exists since PostgreSQL 17.
        builtin = int(re.findall(r"\d+", version)[0]) >= 17
        arguments += ["--locale=C", *_LOCALE] if builtin else ["--locale=C.UTF-8"]
        if self._settings.get("fsync") == "off":
            arguments.append("--no-sync")
        with _open_log(self.home / "postgres.log") as output:
            child = _popen([self._bin / "initdb", *arguments], who, output)
            if child.wait(120) != 0:
                shutil.rmtree(half, ignore_errors=True)
                raise StartError(f"PostgreSQL's first start failed: {self._last_error()}.")
        half.rename(found.data)

    async def _ready(self) -> bool:
        """Wait until the server answers, which another process may have just started, and prepare its database.

        False when that process ended meanwhile: then this process has the lock and has to start the server.
        """
        end = time.monotonic() + 60
        while True:
            try:
                try:
                    await prepare(self.url(SUPERUSER))
                except asyncpg.InvalidCatalogNameError:  # it was dropped, or a restore is renaming it
                    await create_database(self.url(SUPERUSER, "template1"), "postgres")
                    await prepare(self.url(SUPERUSER))
                return True
            except (PermissionError, asyncpg.InvalidAuthorizationSpecificationError) as error:
                raise StartError(f"The PostgreSQL of {self.home} belongs to another account.") from error
            except _NOT_YET as error:
                if self._child is not None and self._child.poll() is not None:
                    raise StartError(f"PostgreSQL did not start: {self._last_error()}.") from error
                if not self.owner and self._take_lock():
                    return False
                if time.monotonic() > end:
                    raise StartError(f"PostgreSQL does not answer: see {self.home}/postgres.log.") from error
            await asyncio.sleep(0.03)

    def _last_error(self) -> str:
        path = self.home / "postgres.log"
        lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        errors = [line for line in lines[-40:] if "FATAL:" in line or "error:" in line]
        reason = errors[-1].rpartition("FATAL:")[2].strip() if errors else "it logged no error"
        return f"{reason} (see {path})"


def _open_log(path: Path) -> IO[bytes]:
    if path.exists() and path.stat().st_size > _LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    # It contains failed statements, so only its owner may read it.
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def _popen(arguments: list[str | Path], who: Account, output: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a process that Ctrl-C does not reach, and that Linux ends when this process ends, even when it is killed."""
    libc, parent = ctypes.CDLL(None), os.getpid()

    def end_with_parent() -> None:
        if sys.platform == "linux":
            libc.prctl(1, signal.SIGINT)  # PR_SET_PDEATHSIG; here, because a change of user clears it
            if os.getppid() != parent:  # it ended before the call
                os._exit(1)

    return subprocess.Popen(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=end_with_parent,  # noqa: PLW1509
        env=_ENVIRONMENT,
        cwd="/",
        user=who.uid if who.switch else None,
        group=who.gid if who.switch else None,
        extra_groups=[] if who.switch else None,
    )
