"""The sign-in part of a web process on an app server's database, with a transport to its Auth server that can fail."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import httpx
import pytest

from server.embedded.keys import Keys
from server.errors import RequestError
from server.kernel.auth import Auth, Limits, Viewer, Visitor
from server.kernel.db import connections as db
from server.settings import AUTH_PATH, Settings
from tests.app_server import DEADLINE, PASSWORD, AppServer, Person

SECRET = "a secret of more than thirty-two characters"
HERE, THERE = Visitor("192.0.2.1", "a browser"), Visitor("198.51.100.7", "another browser")
NEW = "a staple for the battery"  # a password
REFRESH, SIGN_IN, JWKS = "POST /token refresh_token", "POST /token password", "GET /.well-known/jwks.json"
UPDATE, VERIFY, RECOVER = "PUT /user", "POST /verify", "POST /recover"
Instead: TypeAlias = Callable[[httpx.Request], Awaitable[httpx.Response]]


def hosted(app_server: AppServer, **environment: str) -> dict[str, str]:
    """Settings of a hosted project, with another server's database and Auth playing the cloud."""
    return {
        "DATABASE_URL": app_server.database_url("floorwalker_web"),
        "SUPABASE_URL": app_server.url,
        "SUPABASE_PUBLISHABLE_KEY": Keys.load_or_create(app_server.home).publishable,
        "SECRET_KEY": SECRET,
        **environment,
    }


class Transport(httpx.AsyncBaseTransport):
    """A transport to the Auth server. It counts requests, and can delay them, lose them, or answer in the server's place."""

    def __init__(self) -> None:
        self._there = httpx.AsyncHTTPTransport()
        self.passed: Counter[str] = Counter()
        self.late: dict[str, float] = {}  # seconds before it goes on
        self.instead: dict[str, Instead] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        grant = request.url.params.get("grant_type") or request.url.params.get("scope") or ""
        what = f"{request.method} {request.url.path.removeprefix('/auth/v1')} {grant}".strip()
        self.passed[what] += 1
        await asyncio.sleep(self.late.get(what, 0.0))
        instead = self.instead.get(what)
        return await (instead(request) if instead else self.there(request))

    async def there(self, request: httpx.Request) -> httpx.Response:
        """The real answer."""
        answer = await self._there.handle_async_request(request)
        await answer.aread()
        return answer

    async def aclose(self) -> None:
        await self._there.aclose()


def answers(status: int, body: object = None, *, text: str | None = None) -> Instead:
    """This answer to every request."""

    async def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, text=text) if text is not None else httpx.Response(status, json=body)

    return answer


async def cut(_request: httpx.Request) -> httpx.Response:
    """No connection."""
    raise httpx.ConnectError("connection refused")


async def hang(_request: httpx.Request) -> httpx.Response:
    """A connection without an answer."""
    await asyncio.sleep(3600)
    raise AssertionError("nobody waits an hour")


@asynccontextmanager
async def auth_process(
    app_server: AppServer, transport: Transport, *, limit: int = 1000, size: int = 10, secret: str = SECRET
) -> AsyncIterator[Auth]:
    """The part of a web process that signs people in, with a pool of its own."""
    async with (
        db.connect(app_server.database_url("floorwalker_web"), size=size) as database,
        httpx.AsyncClient(transport=transport, timeout=DEADLINE) as http,
    ):
        auth = Auth(
            database,
            http,
            Limits(Settings(_env_file=None, login_per_minute=limit)),
            url=app_server.url + AUTH_PATH,
            apikey=Keys.load_or_create(app_server.home).publishable,
            secret_key=secret,
        )
        emails = asyncio.create_task(auth.run())
        try:
            yield auth
        finally:
            emails.cancel()
            await asyncio.gather(emails, return_exceptions=True)


async def signed_in(auth: Auth, person: Person) -> str:
    """The cookie of a fresh sign-in."""
    return await auth.sign_in(person.email, PASSWORD, HERE)


async def viewer_of(auth: Auth, cookie: str) -> Viewer:
    """Who is in with it."""
    viewer = await auth.viewer(cookie)
    assert viewer is not None
    return viewer


async def is_out(auth: Auth, *cookies: str) -> bool:
    """Whether all of these cookies stand for nobody now."""
    return [await auth.viewer(cookie) for cookie in cookies] == [None] * len(cookies)


async def refusal(asked: Awaitable[object]) -> RequestError:
    """The error that it raises."""
    with pytest.raises(RequestError) as refused:
        await asked
    return refused.value


async def tries(attempt: Callable[[], Awaitable[object]], number: int) -> list[type]:
    """The results of so many attempts in turn; a cookie is shown as str."""
    found: list[type] = []
    for _ in range(number):
        try:
            found.append(type(await attempt()))
        except RequestError as error:
            found.append(type(error))
    return found


async def age(app_server: AppServer, person: Person, left: str) -> None:
    """Let the tokens of a person's sessions end within so many seconds."""
    async with app_server.database() as owner:
        await owner.execute(
            "update private.web_sessions set expires_at = now() + $2::text::interval where user_id = $1",
            person.id,
            left,
        )


async def sessions_there(app_server: AppServer, person: Person) -> int:
    """How many sessions the Auth server has of a person."""
    async with app_server.database("supabase_auth_admin") as auth:
        found: int = await auth.fetchval("select count(*) from auth.sessions where user_id = $1", person.id)
    return found


async def sessions_here(app_server: AppServer, person: Person) -> int:
    """How many web sessions a person has."""
    async with app_server.database() as owner:
        found: int = await owner.fetchval(
            "select count(*) from private.web_sessions where user_id = $1", person.id
        )
    return found
