"""An open FLOORWALKER_HOME: its PostgreSQL, its keys, its Auth service, and the settings with their addresses."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr
from starlette.applications import Starlette

from server.embedded import daily, restore, sample_people
from server.embedded.auth_app import Keys, close_auth_app, create_auth_app
from server.embedded.postgres import Postgres
from server.kernel.db import Programs
from server.settings import Settings


@dataclass(frozen=True, slots=True)
class Home:
    """An open home: its PostgreSQL runs."""

    postgres: Postgres
    keys: Keys
    settings: Settings

    def auth_app(self) -> Starlette:
        """The Auth service, to be mounted at /auth/v1."""
        return create_auth_app(
            self.postgres.url("supabase_auth_admin"),
            self.keys,
            issuer=self.settings.auth_url,
            outbox=self.settings.floorwalker_home / "outbox",
            site=self.settings.address,
            # Checked at each sign-in and not only in the database: another server of this home may be reachable from this machine
            # alone, and then gives the sample people their password back.
            **({} if self.settings.alone else {"refuses": sample_people.has_published_password}),
        )

    @property
    def backups(self) -> Path:
        """The default folder of backups."""
        return restore.folder(self.postgres.home)

    @property
    def programs(self) -> Programs:
        """PostgreSQL's programs, of the same version as the server."""
        return restore.programs(self.postgres)

    async def back_up_daily(self) -> None:
        """Make one backup per day while the server runs."""
        await daily.keep(self.postgres)


@contextmanager
def open_home(settings: Settings) -> Iterator[Home]:
    """Start or join the PostgreSQL of this home, on the main thread. StartError when it cannot be started."""
    postgres = Postgres(settings.floorwalker_home)
    postgres.start()
    try:
        keys = Keys.load_or_create(postgres.home)
        complete = settings.completed(
            floorwalker_home=postgres.home,
            database_url=postgres.url("floorwalker_web"),
            database_owner_url=postgres.url("postgres"),
            database_listen_url=postgres.url("floorwalker_web"),
            # The issuer of tokens. This process calls the service directly, so nothing has to listen there.
            supabase_url=f"http://127.0.0.1:{settings.port}",
            supabase_publishable_key=SecretStr(keys.publishable),
            supabase_secret_key=SecretStr(keys.secret),
            secret_key=settings.secret_key or SecretStr(_secret_key(postgres.home)),
        )
        yield Home(postgres, keys, complete)
    finally:
        postgres.stop()


def _secret_key(home: Path) -> str:
    path = home / "secret-key"
    if not path.exists():
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(48))
        except FileExistsError:
            pass
    return path.read_text()


__all__ = ["Home", "close_auth_app", "open_home"]
