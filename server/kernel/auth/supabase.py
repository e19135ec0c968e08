"""Requests to Supabase Auth for a person: an answer within seconds, or one of our errors.

Each operation has a client of its own, because a client holds one session.
"""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar
from uuid import UUID

import httpx
import structlog
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp
from supabase_auth import (
    AdminUserAttributes,
    AsyncGoTrueAdminAPI,
    AsyncGoTrueClient,
    AuthResponse,
    UserAttributes,
)
from supabase_auth.errors import AuthApiError, AuthError, AuthRetryableError, AuthUnknownError

from server.errors import Conflict, Invalid, NotFound, TooMany, Unauthorized, Unavailable
from server.settings import AUTH_PATH

REFUSED = "The e-mail or the password is wrong, or this account has no access here."
USED = "This link has been used before or has expired. Please ask for a new one."
_AWAY = "Signing in does not work at the moment: please try again in a few seconds."
_TIMEOUT = 8.0  # seconds for a request that a person waits for
_REFRESH, _SIGN_OUT = 4.0, 3.0  # seconds for a refresh, and for a sign-out, which need not succeed
WRONG_KEY = "The Auth server does not take SUPABASE_SECRET_KEY: run `floorwalker doctor`."
_WITHOUT_END = "876000h"  # a hundred years, in the form of Go
_EMAIL = 30.0  # seconds for a request during which the Auth server sends an e-mail
# Statuses that do not concern the person: of the gateway, of another refresh of the same session, of a rate limit that
# all requests of this server share.
_NOT_ABOUT_THE_PERSON = frozenset({401, 408, 409, 429})
# A 400 without one of these codes concerns our request and does not end a session. Old servers send no code.
_OVER = frozenset(
    {
        None,
        "refresh_token_not_found",
        "refresh_token_already_used",
        "session_not_found",
        "session_expired",
        "user_banned",
        "user_not_found",
    }
)

Scope = Literal["local", "global"]
Link = Literal["recovery", "invite"]
T = TypeVar("T")

log = structlog.get_logger(__name__)


class NoAnswer(Unavailable):
    """Auth did not answer at all, so it would not answer the next request either."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """A session at the Auth server: the access token proves it for an hour, and the refresh token renews it once."""

    access: str
    refresh: str
    email: str
    user: str


def within(auth_app: ASGIApp) -> httpx.ASGITransport:
    """A transport that calls the embedded service in the same process."""
    return httpx.ASGITransport(app=Starlette(routes=[Mount(AUTH_PATH, auth_app)]))


class Supabase:
    """The Auth server of the project, or the embedded one. `url` is its whole address, `Settings.auth_url`."""

    def __init__(self, http: httpx.AsyncClient, *, url: str, apikey: str) -> None:
        self._http, self._url, self._apikey = http, url, apikey

    async def sign_in(self, email: str, password: str) -> Tokens:
        """Open a new session. Unauthorized with the same words for every reason."""
        client = self._client()
        try:
            answer = await _within(
                _TIMEOUT, client.sign_in_with_password({"email": email, "password": password})
            )
        except AuthError as error:
            log.info("sign_in_refused", reason=error.code)
            raise Unauthorized(REFUSED) from error
        return _tokens(answer)

    async def refresh(self, token: str) -> Tokens | None:
        """New tokens for a refresh token; None when its session has ended, Unavailable when that cannot be known."""
        try:
            return _tokens(await _within(_REFRESH, self._client().refresh_session(token)))
        except AuthApiError as error:
            if error.status in (400, 403, 404) and error.code in _OVER:
                log.info("auth_session_ended", reason=error.code)
                return None
            log.warning("refresh_refused", status=error.status, reason=error.code)
            raise Unavailable(_AWAY, 5) from error
        except AuthError as error:
            raise Unavailable(_AWAY, 5) from error

    async def log_out(self, access: str, scope: Scope) -> None:
        """End the session, or all sessions of the person. A failure is only logged, because the session has ended here."""
        try:
            await _within(_SIGN_OUT, self._client().admin.sign_out(access, scope))
        except (AuthError, Unavailable) as error:
            log.info("auth_log_out_failed", scope=scope, reason=getattr(error, "code", None) or str(error))

    async def update(self, tokens: Tokens, attributes: UserAttributes) -> None:
        """Change a person's own password or name. Invalid in the server's words, Unauthorized when their session has ended."""
        client = self._client()

        async def change() -> None:
            await client.set_session(tokens.access, tokens.refresh)
            await client.update_user(attributes)

        try:
            await _within(_TIMEOUT, change())
        except AuthApiError as error:
            if error.status in (403, 404):
                raise Unauthorized("Your session has ended: please sign in again.") from error
            raise Invalid(_sentence(error)) from error
        except AuthError as error:  # a weak password is an error class of its own
            raise Invalid(_sentence(error)) from error

    async def verify(self, token_hash: str, kind: Link) -> Tokens:
        """The session that a link opens, once. NotFound when the link was used or has expired."""
        client = self._client()
        try:
            return _tokens(
                await _within(_TIMEOUT, client.verify_otp({"token_hash": token_hash, "type": kind}))
            )
        except AuthError as error:
            log.info("link_refused", kind=kind, reason=error.code)
            raise NotFound(USED) from error

    async def send_recovery(self, email: str) -> None:
        """Have a link sent if there is such a person. Raises only NoAnswer, because any other error could reveal that there is."""
        try:
            await _within(_EMAIL, self._client().reset_password_for_email(email))
        except NoAnswer:
            raise
        except (AuthError, Unavailable) as error:
            log.warning("recovery_not_sent", reason=getattr(error, "code", None) or str(error))

    def _client(self) -> AsyncGoTrueClient:
        return _client(self._http, self._url, {"apikey": self._apikey})


@dataclass(frozen=True, slots=True)
class Login:
    """What the Auth server knows of a person: when they were invited, accepted the invitation, and signed in last."""

    invited_at: dt.datetime | None
    confirmed_at: dt.datetime | None
    last_sign_in_at: dt.datetime | None


class Administration:
    """Administration of logins, with the secret key of the project."""

    def __init__(self, http: httpx.AsyncClient, *, url: str, secret: str) -> None:
        self._http, self._url, self._secret = http, url, secret

    async def create(
        self, email: str, app_metadata: Mapping[str, str], name: str, password: str | None = None
    ) -> UUID:
        """A new login; without a password its address has to be confirmed. Conflict when the address is taken, Invalid."""
        attributes: AdminUserAttributes = {
            "email": email,
            "app_metadata": dict(app_metadata),
            "user_metadata": {"name": name},
            "email_confirm": password is not None,
        }
        if password is not None:
            attributes["password"] = password
        return UUID((await self._ask(self._admin().create_user(attributes))).user.id)

    async def invite(self, email: str, name: str) -> UUID:
        """Send an e-mail with a link to choose a password. Conflict when they have accepted an invitation before."""
        answer = await self._ask(
            self._admin().invite_user_by_email(email, {"data": {"name": name}}), sends_email=True
        )
        return UUID(answer.user.id)

    async def change(self, person: UUID, app_metadata: Mapping[str, str], name: str) -> None:
        """Change name, username or type. The person's row follows by trigger."""
        attributes: AdminUserAttributes = {
            "app_metadata": dict(app_metadata),
            "user_metadata": {"name": name},
        }
        await self._ask(self._admin().update_user_by_id(str(person), attributes))

    async def ban(self, person: UUID, *, banned: bool) -> None:
        """Refuse a person at the Auth server too, without end; or admit them again."""
        await self._ask(
            self._admin().update_user_by_id(str(person), {"ban_duration": _WITHOUT_END if banned else "none"})
        )

    async def find(self, person: UUID) -> Login:
        """The login. NotFound when there is none."""
        user = (await self._ask(self._admin().get_user_by_id(str(person)))).user
        confirmed_at = user.email_confirmed_at or user.confirmed_at
        return Login(user.invited_at, confirmed_at, user.last_sign_in_at)

    async def delete(self, person: UUID) -> None:
        """Delete a login that could not become a person."""
        await self._ask(self._admin().delete_user(str(person)))

    async def recover(self, email: str) -> None:
        """Send the e-mail for a new password. TooMany when one has just been sent."""
        await self._ask(self._client().reset_password_for_email(email), sends_email=True)

    def _admin(self) -> AsyncGoTrueAdminAPI:
        return self._client().admin

    def _client(self) -> AsyncGoTrueClient:
        headers = {"apikey": self._secret, "Authorization": f"Bearer {self._secret}"}
        return _client(self._http, self._url, headers)

    async def _ask(self, asked: Awaitable[T], *, sends_email: bool = False) -> T:
        try:
            return await _within(_EMAIL, asked)
        except NoAnswer:
            raise
        except Unavailable as error:
            match getattr(error.__cause__, "status", None):
                case 401:
                    raise Unavailable(WRONG_KEY) from error
                case 429 if sends_email:
                    raise TooMany(
                        "An e-mail was sent to this address a moment ago: please wait a minute.", 60
                    ) from error
            raise
        except AuthError as error:
            log.warning("administration_refused", reason=error.code)
            if error.code in ("not_admin", "no_authorization", "bad_jwt"):
                raise Unavailable(WRONG_KEY) from error
            if error.code in ("email_exists", "user_already_exists"):
                raise Conflict("There is already a person with this e-mail address.") from error
            if error.code == "user_not_found":
                raise NotFound("There is no such login at the Auth server.") from error
            raise Invalid(_sentence(error)) from error


def _client(http: httpx.AsyncClient, url: str, headers: dict[str, str]) -> AsyncGoTrueClient:
    return AsyncGoTrueClient(
        url=url,
        headers=headers,
        http_client=http,
        auto_refresh_token=False,
        persist_session=False,
        flow_type="implicit",
    )


async def _within(seconds: float, asked: Awaitable[T]) -> T:
    """Return the answer. AuthError for a refusal, Unavailable for anything that does not concern the person."""
    try:
        async with asyncio.timeout(seconds):
            return await asked
    except TimeoutError as error:
        log.warning("auth_timed_out", seconds=seconds)
        raise NoAnswer(_AWAY, 5) from error
    except AuthRetryableError as error:
        log.warning("auth_not_reached", status=error.status, reason=error.message)
        raise NoAnswer(_AWAY, 5) from error
    except AuthApiError as error:
        if error.status >= 500 or error.status in _NOT_ABOUT_THE_PERSON:
            log.warning("auth_failed", status=error.status, reason=error.code or error.message)
            raise Unavailable(_AWAY, 5) from error
        raise
    except (AuthUnknownError, ValueError) as error:  # the answer is not one of Supabase Auth
        log.warning("auth_not_understood", reason=f"{type(error).__name__}: {error}"[:200])
        raise Unavailable(_AWAY, 5) from error


def _tokens(answer: AuthResponse) -> Tokens:
    session = answer.session
    if session is None:
        raise Unavailable(_AWAY, 5)
    return Tokens(session.access_token, session.refresh_token, session.user.email or "", session.user.id)


def _sentence(error: AuthError) -> str:
    words = error.message.strip() or "this was not accepted"
    return words[0].upper() + words[1:] + ("" if words.endswith((".", "!", "?")) else ".")
