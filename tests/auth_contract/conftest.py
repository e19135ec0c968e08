"""The Auth server under test: the embedded one under a real uvicorn, or the one that AUTH_URL names.

For a project's own, AUTH_URL=https://….supabase.co/auth/v1 with AUTH_PUBLISHABLE_KEY and AUTH_SECRET_KEY. Sign-up has to
be closed there, `floorwalker migrate` done, and the rate limits of sign-ins and refreshes at several hundred. People
made here are deleted again, but for the one of case 36: a person of Floorwalker's stays, without a name.

A test says by a comment which of the 36 cases it is of.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import jwt
import pytest
from supabase_auth import AsyncGoTrueClient, Session, User
from supabase_auth.errors import AuthApiError
from supabase_auth.types import AdminUserAttributes

from server.embedded.keys import Keys
from server.kernel.db.migrations import migrate
from tests.app_server import DEADLINE
from tests.conftest import a_folder
from tests.new_project import new_project

PASSWORD = "a-password-of-theirs"


@dataclass(frozen=True)
class Target:
    """Where the server is, its two keys, and (ours only) the keys it signs with and its database."""

    url: str
    publishable: str
    secret: str
    keys: Keys | None = None
    owner_url: str | None = None


@pytest.fixture(scope="session")
def target() -> Iterator[Target]:
    if url := os.environ.get("AUTH_URL"):
        yield Target(url.rstrip("/"), os.environ["AUTH_PUBLISHABLE_KEY"], os.environ["AUTH_SECRET_KEY"])
        return
    with a_folder() as place, new_project(place) as project:
        owner_url = project.postgres.url("postgres")
        asyncio.run(migrate(owner_url))
        keys = project.keys
        yield Target(f"{project.url}/auth/v1", keys.publishable, keys.secret, keys, owner_url)


@pytest.fixture(scope="session")
async def raw(target: Target) -> AsyncIterator[httpx.AsyncClient]:
    """Plain HTTP with the publishable key and no version header."""
    async with httpx.AsyncClient(
        base_url=target.url, headers={"apikey": target.publishable}, timeout=DEADLINE
    ) as client:
        yield client


@pytest.fixture(scope="session")
async def raw_admin(target: Target) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"apikey": target.secret, "Authorization": f"Bearer {target.secret}"}
    async with httpx.AsyncClient(base_url=target.url, headers=headers, timeout=DEADLINE) as client:
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
Profile = Callable[[str], Awaitable[dict[str, Any] | None]]


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
        if error.status == 500:  # somebody of public.users, who stays as long as history may refer to them
            await admin.admin.delete_user(user_id, should_soft_delete=True)
        elif error.status != 404:
            raise


@pytest.fixture
def profile(target: Target, raw_admin: httpx.AsyncClient) -> Profile:
    """Reads a person's row of public.users: by SQL from ours, through the REST interface of a project."""

    async def read(user_id: str) -> dict[str, Any] | None:
        if target.owner_url is not None:
            owner = await asyncpg.connect(target.owner_url)
            row = await owner.fetchrow("select * from public.users where id = $1", user_id)
            await owner.close()
            return dict(row) if row else None
        rest = target.url.removesuffix("/auth/v1") + "/rest/v1/users"
        reply = await raw_admin.get(rest, params={"id": f"eq.{user_id}"})
        if reply.status_code == 404:
            pytest.skip("the project has no table public.users: run `floorwalker migrate` for it first")
        rows: list[dict[str, Any]] = reply.raise_for_status().json()
        return rows[0] if rows else None

    return read


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


def said(reply: httpx.Response) -> tuple[int, str | None]:
    """Status and code of a refusal."""
    return reply.status_code, reply.headers.get("x-sb-error-code")


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims
