"""The Auth server under test: the embedded one under a real uvicorn, or the one that AUTH_URL names.

For another server set AUTH_PUBLISHABLE_KEY and AUTH_SECRET_KEY too; people made here are deleted again.
"""

import os
import secrets
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from supabase_auth import AsyncGoTrueClient, Session, User
from supabase_auth.errors import AuthApiError
from supabase_auth.types import AdminUserAttributes

from server.embedded.auth_app import create_auth_app
from server.embedded.keys import Keys
from server.embedded.postgres import Postgres

PASSWORD = "a-password-of-theirs"


@dataclass(frozen=True)
class Target:
    """Where the server is, its two keys, and (ours only) the keys it signs with."""

    url: str
    publishable: str
    secret: str
    keys: Keys | None = None


@pytest.fixture(scope="session")
def target() -> Iterator[Target]:
    if url := os.environ.get("AUTH_URL"):
        yield Target(url, os.environ["AUTH_PUBLISHABLE_KEY"], os.environ["AUTH_SECRET_KEY"])
        return
    folder = Path(tempfile.mkdtemp(prefix="floorwalker-test-"))
    folder.chmod(0o711)
    postgres = Postgres(folder / "home", settings={"fsync": "off"})
    postgres.start()
    keys = Keys.load_or_create(folder / "home")
    door = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{door.getsockname()[1]}"
    app = create_auth_app(
        postgres.url("supabase_auth_admin"), keys, issuer=f"{url}/auth/v1", outbox=folder / "outbox"
    )
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield Target(url, keys.publishable, keys.secret, keys)
    server.should_exit = True
    thread.join()
    door.close()
    postgres.stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
async def raw(target: Target) -> AsyncIterator[httpx.AsyncClient]:
    """Plain HTTP with the publishable key and no version header."""
    async with httpx.AsyncClient(base_url=target.url, headers={"apikey": target.publishable}) as client:
        yield client


@pytest.fixture(scope="session")
async def raw_admin(target: Target) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"apikey": target.secret, "Authorization": f"Bearer {target.secret}"}
    async with httpx.AsyncClient(base_url=target.url, headers=headers) as client:
        yield client


@pytest.fixture
def client(target: Target, raw: httpx.AsyncClient) -> AsyncGoTrueClient:
    """A throw-away client, as the web process makes one for each operation."""
    return throw_away(target.url, {"apikey": target.publishable}, raw)


@pytest.fixture
def admin(target: Target, raw_admin: httpx.AsyncClient) -> AsyncGoTrueClient:
    headers = {"apikey": target.secret, "Authorization": f"Bearer {target.secret}"}
    return throw_away(target.url, headers, raw_admin)


def throw_away(url: str, headers: dict[str, str], http: httpx.AsyncClient) -> AsyncGoTrueClient:
    return AsyncGoTrueClient(
        url=url,
        headers=headers,
        http_client=http,
        auto_refresh_token=False,
        persist_session=False,
        flow_type="implicit",
    )


Person = Callable[..., Awaitable[User]]
SignIn = Callable[..., Awaitable[Session]]


@pytest.fixture
async def person(admin: AsyncGoTrueClient) -> AsyncIterator[Person]:
    """Makes people with confirmed addresses and PASSWORD, unless told otherwise."""
    made: list[str] = []

    async def make(**attributes: Any) -> User:
        wanted: AdminUserAttributes = {
            "email": f"{secrets.token_hex(8)}@example.com",
            "password": PASSWORD,
            "email_confirm": True,
        }
        wanted.update(attributes)  # type: ignore[typeddict-item]
        user = (await admin.admin.create_user(wanted)).user
        made.append(user.id)
        return user

    yield make
    for user_id in made:
        await forget(admin, user_id)


async def forget(admin: AsyncGoTrueClient, user_id: str) -> None:
    try:
        await admin.admin.delete_user(user_id)
    except AuthApiError as error:
        if error.status != 404:
            raise


@pytest.fixture
def sign_in(target: Target, raw: httpx.AsyncClient) -> SignIn:
    async def enter(user: User, password: str = PASSWORD) -> Session:
        client = throw_away(target.url, {"apikey": target.publishable}, raw)
        reply = await client.sign_in_with_password({"email": user.email or "", "password": password})
        assert reply.session is not None
        return reply.session

    return enter


def bearer(session: Session) -> dict[str, str]:
    return {"Authorization": f"Bearer {session.access_token}"}
