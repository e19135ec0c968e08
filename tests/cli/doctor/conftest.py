"""A hosted project, simulated by a home of its own that tests may break, and databases to break beside it."""

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from server.cli.context import Context
from server.cli.doctor.findings import Findings, collect
from server.embedded.keys import Keys
from server.embedded.postgres import SUPERUSER
from server.embedded.prepare import create_database, prepare
from server.kernel.db.migrations import migrate
from server.settings import Settings
from tests.app_server import AppServer
from tests.auth_process import hosted
from tests.conftest import a_folder, free_port, prepared, serving

Connection = asyncpg.Connection


async def found(check: Findings) -> list[str]:
    """What a check finds, as it would be printed."""
    return [f"{finding.mark} {finding.sentence}" for finding in await collect("it", check)]


def one(findings: list[str], *words: str) -> str:
    """The only finding that contains all of these words."""
    those = [finding for finding in findings if all(word in finding for word in words)]
    assert len(those) == 1, (words, findings)
    return those[0]


def bad(findings: list[str]) -> list[str]:
    return [finding for finding in findings if not finding.startswith("✓")]


@dataclass(frozen=True, slots=True)
class Cloud:
    """A served home, and the environment in which it looks like a hosted project."""

    app_server: AppServer

    @property
    def secret(self) -> str:
        return Keys.load_or_create(self.app_server.home).secret

    @property
    def publishable(self) -> str:
        return Keys.load_or_create(self.app_server.home).publishable

    def environment(self, **changes: str) -> dict[str, str]:
        whole = hosted(self.app_server) | {
            "DATABASE_OWNER_URL": self.app_server.database_url(),
            "SUPABASE_SECRET_KEY": self.secret,
            "PUBLIC_URL": "https://floor.example.com",
            **changes,
        }
        return {name: value for name, value in whole.items() if value}

    def place(self, **changes: str) -> Context:
        values = {name.lower(): value for name, value in self.environment(**changes).items()}
        return Context(Settings(_env_file=None, **values), None)  # type: ignore[arg-type]


@pytest.fixture(scope="package")
def folder() -> Iterator[Path]:
    with a_folder() as made:
        yield made


@pytest.fixture(scope="package")
async def cloud(folder: Path) -> AsyncIterator[Cloud]:
    """With an admin of its own, and without anybody whose password stands in the README."""
    with serving(prepared(folder / "cloud"), free_port()) as running:
        await running.hire("admin")
        async with running.database() as owner:
            await owner.execute(
                "update auth.users set banned_until = 'infinity' where email ~ '^(admin|supervisor.)@'"
            )
        yield Cloud(running)


@dataclass(frozen=True, slots=True)
class Project:
    """A database of its own in the cloud's cluster."""

    cloud: Cloud
    name: str

    def url(self, role: str = "postgres") -> str:
        return self.cloud.app_server.database_url(role).replace("/postgres?", f"/{self.name}?")

    def place(self, **changes: str) -> Context:
        """Without a secret key, since the Auth server is another database's."""
        urls = {"DATABASE_URL": self.url("floorwalker_web"), "DATABASE_OWNER_URL": self.url()}
        return self.cloud.place(**{**urls, "SUPABASE_SECRET_KEY": "", **changes})

    @asynccontextmanager
    async def spoiled(self, *statements: str, role: str = "postgres") -> AsyncIterator[Connection]:
        """After these statements."""
        connection = await asyncpg.connect(self.url(role))
        try:
            for statement in statements:
                await connection.execute(statement)
            yield connection
        finally:
            await connection.close()


@pytest.fixture(scope="package")
async def migrated(cloud: Cloud) -> str:
    """The name of a database to copy: a project's, after its migrations."""
    address = cloud.app_server.database_url(SUPERUSER)
    await create_database(address, "migrated")
    project = Project(cloud, "migrated")
    await prepare(project.url(SUPERUSER))
    await migrate(project.url())
    return project.name


@pytest.fixture
async def project(cloud: Cloud, migrated: str) -> AsyncIterator[Project]:
    name = f"project_{secrets.token_hex(4)}"
    async with cloud.app_server.database(SUPERUSER) as root:
        await root.execute(f"create database {name} template {migrated} owner postgres")
        try:
            yield Project(cloud, name)
        finally:
            await root.execute(f"drop database {name} with (force)")
