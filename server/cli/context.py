"""The database and Auth server of a command: the configured ones, or those of the embedded home."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import httpx

from server import logs
from server import settings as environment
from server.errors import RequestError
from server.kernel import db
from server.kernel.auth import within
from server.settings import Settings

if TYPE_CHECKING:  # the embedded mode is imported only when no other database is configured
    from server.embedded.home import Home


@dataclass(frozen=True, slots=True)
class Context:
    """Complete settings, and the home in embedded mode."""

    settings: Settings
    home: "Home | None"

    @property
    def owner_url(self) -> str:
        url = self.settings.database_owner_url or self.settings.database_url
        assert url is not None
        return url

    @property
    def owner_setting(self) -> str:
        """The name of the setting with the owner's address."""
        return "DATABASE_OWNER_URL" if self.settings.database_owner_url else "DATABASE_URL"

    async def reach_owner(self) -> None:
        """Raise Unavailable with a sentence when the owner's database cannot be reached."""
        await db.check(self.owner_setting, self.owner_url, "select 1")

    @asynccontextmanager
    async def auth_http(self, seconds: float) -> AsyncIterator[httpx.AsyncClient]:
        """A client for the Auth server. The embedded one is called within this process, so no server has to run."""
        if self.home is None:
            async with httpx.AsyncClient(timeout=seconds) as http:
                yield http
            return
        from server.embedded.home import close_auth_app

        auth_app = self.home.auth_app()
        try:
            async with httpx.AsyncClient(transport=within(auth_app), timeout=seconds) as http:
                yield http
        finally:
            await close_auth_app(auth_app)


@contextmanager
def open_context(logged: str = "INFO") -> Iterator[Context]:
    """The context of this environment. A RequestError or StartError in the block ends the command with one sentence."""
    given = environment.load()
    logs.configure(logged)
    try:
        if not given.embedded:
            yield Context(given, None)
            return
        from server.embedded.home import open_home
        from server.embedded.postgres import StartError

        try:
            with open_home(given) as home:
                yield Context(home.settings, home)
        except StartError as error:
            fail(str(error))
    except RequestError as error:
        fail(error.detail)


def fail(sentence: str) -> NoReturn:
    """End the command with a sentence and status 1."""
    raise SystemExit(f"floorwalker: {sentence.rstrip('.')}.")
