"""A new Supabase project: a PostgreSQL without a schema, and an Auth server in front of it."""

import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from server.embedded.auth_app import close_auth_app, create_auth_app
from server.embedded.keys import Keys
from server.embedded.postgres import Postgres


@dataclass(frozen=True, slots=True)
class NewProject:
    """A PostgreSQL without a schema, and an Auth server in front of it."""

    postgres: Postgres
    url: str
    keys: Keys

    @property
    def environment(self) -> dict[str, str]:
        return {
            "SUPABASE_URL": self.url,
            "SUPABASE_PUBLISHABLE_KEY": self.keys.publishable,
            "SUPABASE_SECRET_KEY": self.keys.secret,
            "DATABASE_OWNER_URL": self.postgres.url("postgres"),
            "DATABASE_URL": self.postgres.url("floorwalker_web"),
            "PUBLIC_URL": "https://floor.example.com",
            "SECRET_KEY": "what openssl makes of forty-eight random bytes",
        }


@contextmanager
def new_project(folder: Path) -> Iterator[NewProject]:
    postgres = Postgres(folder / "cloud", settings={"fsync": "off"})
    postgres.start()
    keys, listening = Keys.load_or_create(folder / "cloud"), socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    auth = create_auth_app(
        postgres.url("supabase_auth_admin"), keys, issuer=f"{url}/auth/v1", outbox=folder / "outbox"
    )

    @asynccontextmanager
    async def closing(_app: Starlette) -> AsyncIterator[None]:
        yield
        await close_auth_app(auth)

    app = Starlette(routes=[Mount("/auth/v1", auth)], lifespan=closing)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield NewProject(postgres, url, keys)
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
        postgres.stop()
