"""Homes for launchers, and a check that none of their processes stays behind."""

import email.policy
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from supabase_auth import AsyncGoTrueClient

from server.embedded.auth_app import Keys, close_auth_app, create_auth_app
from server.embedded.postgres import Postgres
from tests.app_server import DEADLINE

ROOT = Path(__file__).parents[2]


class Launcher:
    """The launcher program as a process of its own."""

    def __init__(self, home: Path, *more: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.embedded.launcher", str(home), *more],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            start_new_session=True,
        )
        self._said: dict[str, Any] | None = None

    @property
    def said(self) -> dict[str, Any]:
        if self._said is None:
            assert self.process.stdout is not None
            self._said = json.loads(self.process.stdout.readline())
        return self._said

    def kill(self) -> None:
        self.process.kill()
        self.leave()

    def leave(self) -> None:
        """Stop it like a person would, or clean up after a kill."""
        if self.process.stdin is not None and not self.process.stdin.closed:
            self.process.stdin.close()
        self.process.wait(DEADLINE)
        if self.process.stdout is not None:
            self.process.stdout.close()


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def eventually(true: Callable[[], bool], seconds: float = DEADLINE) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)


def working_in(home: Path) -> list[str]:
    """The processes whose working folder is below this home."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink().is_relative_to(home) and lives(int(process.name)):
                found.append(process.name)
        except OSError:
            continue
    return found


class Homes:
    """Folders PostgreSQL's account can reach; pytest's own are closed to it when root runs the tests."""

    def __init__(self) -> None:
        self.made: list[Path] = []

    def make(self) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="floorwalker-test-")).resolve()
        folder.chmod(0o711)
        self.made.append(folder)
        return folder

    def remove(self) -> None:
        for folder in self.made:
            eventually(lambda folder=folder: not working_in(folder))  # type: ignore[misc]
            shutil.rmtree(folder)


@pytest.fixture(scope="module")
def homes() -> Iterator[Homes]:
    homes = Homes()
    yield homes
    homes.remove()


@pytest.fixture
def home() -> Iterator[Path]:
    homes = Homes()
    yield homes.make() / "home"
    homes.remove()


@pytest.fixture
def launch(home: Path) -> Iterator[Callable[..., Launcher]]:
    launched: list[Launcher] = []

    def start(where: Path = home, *more: str) -> Launcher:
        launched.append(Launcher(where, *more))
        return launched[-1]

    yield start
    for launcher in launched:
        launcher.leave()


@dataclass(frozen=True)
class Mounted:
    """The Auth service where the web process has it: under /auth/v1, reached without a port."""

    url: str
    keys: Keys
    outbox: Path
    http: httpx.AsyncClient
    postgres: Postgres
    app: Starlette

    def headers(self, *, secret: bool = False) -> dict[str, str]:
        if secret:
            return {"apikey": self.keys.secret, "Authorization": f"Bearer {self.keys.secret}"}
        return {"apikey": self.keys.publishable}

    def client(self, *, secret: bool = False) -> AsyncGoTrueClient:
        return AsyncGoTrueClient(
            url=self.url,
            headers=self.headers(secret=secret),
            http_client=self.http,
            auto_refresh_token=False,
            persist_session=False,
            flow_type="implicit",
        )

    async def post(self, path: str, body: dict[str, Any], *, secret: bool = False) -> httpx.Response:
        return await self.http.post(f"{self.url}{path}", json=body, headers=self.headers(secret=secret))

    def mails(self) -> list[EmailMessage]:
        """What is in the outbox, oldest first."""
        read = BytesParser(policy=email.policy.default).parsebytes
        return [read(path.read_bytes()) for path in sorted(self.outbox.glob("*.eml"))]

    @asynccontextmanager
    async def owner(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        connection = await asyncpg.connect(self.postgres.url("postgres"))
        yield connection
        await connection.close()


@asynccontextmanager
async def mounting(postgres: Postgres, home: Path) -> AsyncIterator[Mounted]:
    keys, outbox = Keys.load_or_create(home), home / "outbox"
    url = "http://floorwalker.example/auth/v1"
    auth = create_auth_app(postgres.url("supabase_auth_admin"), keys, issuer=url, outbox=outbox)
    whole = Starlette(routes=[Mount("/auth/v1", auth)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=whole)) as http:
        yield Mounted(url, keys, outbox, http, postgres, whole)
    await close_auth_app(auth)


@pytest.fixture(scope="module")
def own_home(homes: Homes) -> Path:
    return homes.make() / "home"


@pytest.fixture(scope="module")
def postgres(own_home: Path) -> Iterator[Postgres]:
    postgres = Postgres(own_home, settings={"fsync": "off"})
    postgres.start()
    yield postgres
    postgres.stop()


@pytest.fixture
async def mounted(postgres: Postgres, own_home: Path) -> AsyncIterator[Mounted]:
    async with mounting(postgres, own_home) as mounted:
        yield mounted


is_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
