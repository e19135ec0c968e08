"""One server with a home of its own for all tests that need one. Each test brings its own people and agents."""

import asyncio
import atexit
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from server.embedded.postgres import Postgres
from server.kernel.auth import Auth
from server.settings import Settings
from tests.app_server import DEADLINE, AppServer, Person
from tests.auth_process import Transport, auth_process, hosted
from tests.children import ending_with_us
from tests.push_service import PUSH_KEY, PushService, push_service

if TYPE_CHECKING:
    from tests.used_home import UsedHome

ROOT = Path(__file__).parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serving(home: Path, port: int, *options: str, **environment: str) -> AbstractContextManager[AppServer]:
    """`floorwalker serve` as a process until the end of the block, which stops it."""
    return serving_from(ROOT, home, port, options, environment)


@contextmanager
def serving_from(
    root: Path,
    home: Path,
    port: int,
    options: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Iterator[AppServer]:
    """The same of another checkout, in the virtual environment there."""
    environment = environment or {}
    clean = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "TMPDIR", "LANG")}
    home.parent.mkdir(parents=True, exist_ok=True)
    log = home.parent / f"{home.name}.log"
    python = sys.executable if root == ROOT else str(root / ".venv" / "bin" / "python")
    with log.open("ab") as output:
        process = subprocess.Popen(
            [python, "-m", "server", "serve", *options],
            cwd=root,
            env={**clean, "FLOORWALKER_HOME": str(home), "PORT": str(port), "LOGIN_PER_MINUTE": "1000"}
            | {
                "AGENT_PER_SECOND": "10000",
                "STREAMS_PER_ACCOUNT": "100000",
                "WEBHOOKS_PRIVATE": "1",
                **environment,
            },
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=ending_with_us(signal.SIGINT),  # noqa: PLW1509
        )
    here = Settings(_env_file=None, host=environment.get("HOST", "127.0.0.1"), port=port).here
    app_server = AppServer(here, home, process, log)
    try:
        app_server.wait_until_ready()
        yield app_server
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise


@contextmanager
def a_folder() -> Iterator[Path]:
    """A folder that PostgreSQL's account can pass through, as pytest's own cannot be by root."""
    folder = Path(tempfile.mkdtemp(prefix="floorwalker-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@cache
def _left() -> Path:
    """A home that a server has prepared and left."""
    folder = Path(tempfile.mkdtemp(prefix="floorwalker-"))
    folder.chmod(0o711)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with serving(folder / "home", free_port()):
        pass
    return folder / "home"


def prepared(home: Path) -> Path:
    """A home with its database and its sample people, from which a server starts in a quarter of the time that an empty one takes."""
    subprocess.run(["cp", "-a", _left(), home], check=True)  # with the owner of the database
    return home


@contextmanager
def other_postgres(home: Path) -> Iterator[None]:
    """Start the home's PostgreSQL from the binaries in POSTGRES_BIN, where it is set; a later server joins it."""
    folder = os.environ.get("POSTGRES_BIN")
    if folder is None:
        yield
        return
    postgres = Postgres(home, bin_folder=Path(folder))
    postgres.start()
    try:
        yield
    finally:
        postgres.stop()


@contextmanager
def other_listener(home: Path) -> Iterator[dict[str, str]]:
    """Where FANOUT is set: a NATS, and another web process of the home, which listens for later ones."""
    if "FANOUT" not in os.environ:
        yield {}
        return
    from tests.nats import nats

    with nats() as bus, serving(home, free_port(), FANOUT_URL=bus.url):
        yield {"FANOUT_URL": bus.url}


@pytest.fixture(scope="session")
def app_server() -> Iterator[AppServer]:
    with (
        a_folder() as folder,
        other_postgres(folder / "home"),
        other_listener(folder / "home") as fanout,
        serving(folder / "home", free_port(), **fanout) as running,
    ):
        yield running


@pytest.fixture(scope="session")
def behind(app_server: AppServer) -> Iterator[AppServer]:
    """A web process behind a proxy that speaks https for it: of the same people, at another address."""
    with (
        a_folder() as folder,
        serving(
            folder / "behind", free_port(), **hosted(app_server, PUBLIC_URL="https://floor.example.com")
        ) as web,
    ):
        yield AppServer(web.url, app_server.home, web.process, web.log)


@pytest.fixture(scope="session")
def pushing(app_server: AppServer) -> Iterator[AppServer]:
    """Another web process of the same people, which sends web push."""
    settings = hosted(app_server, VAPID_PRIVATE_KEY=PUSH_KEY, VAPID_SUBJECT="mailto:ops@example.com")
    with a_folder() as folder, serving(folder / "pushing", free_port(), **settings) as web:
        yield AppServer(web.url, app_server.home, web.process, web.log)


@pytest.fixture
def service() -> Iterator[PushService]:
    """The push service of the browsers of a test."""
    with push_service() as found:
        yield found


@pytest.fixture(scope="session")
async def used_home() -> AsyncIterator["UsedHome"]:
    """A home that was worked in and backed up."""
    from tests.used_home import create_used_home

    async with create_used_home() as used_home:
        yield used_home


@pytest.fixture
def transport() -> Transport:
    """The way from `auth` to the Auth server."""
    return Transport()


@pytest.fixture
async def auth(app_server: AppServer, transport: Transport) -> AsyncIterator[Auth]:
    """The part of a web process that knows who is signed in, in this process."""
    async with auth_process(app_server, transport) as one:
        yield one


@pytest.fixture
async def voice(app_server: AppServer) -> Person:
    """A voice supervisor with one agent."""
    return await app_server.hire("voice")


@pytest.fixture
async def chat(app_server: AppServer) -> Person:
    """Another supervisor, of chat, with one agent."""
    return await app_server.hire("chat")


async def until(look: Callable[[], object], seconds: float = DEADLINE) -> None:
    """Wait until `look` (sync or async) is true; what it last said when it never is."""
    end = time.monotonic() + seconds
    while True:
        found = look()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return
        assert time.monotonic() < end, f"not within {seconds} s: {found!r}"
        await asyncio.sleep(0.03)
