"""The checks that a hosted project's gateway makes before its Auth server: `apikey`, bearer token, limits on attempts."""

import json
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import jwt
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from server.embedded import auth_sessions, auth_users
from server.embedded.auth_database import Connection
from server.embedded.auth_errors import AuthError
from server.embedded.keys import Keys
from server.errors import TooMany, Unavailable
from server.kernel.auth import Limits

_OPEN = frozenset({"/health", "/.well-known/jwks.json", "/.well-known/openid-configuration"})
_LARGEST_BODY = 1_000_000
_PHONE = re.compile(r"[1-9][0-9]{1,14}")


class Gateway:
    """Refuses requests without a valid `apikey`."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self.app = app
        self.keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_open(scope):
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("apikey")
        if given is not None and self.keys.opens(given):
            await self.app(scope, receive, send)
            return
        missing = {
            "message": "No API key found in request",
            "hint": "No `apikey` request header or url param was found.",
        }
        wrong = {"message": "Invalid API key", "hint": "Double check the API key of this project."}
        await JSONResponse(missing if given is None else wrong, 401)(scope, receive, send)


def _is_open(scope: Scope) -> bool:
    """Whether the path needs no key, because browsers request it: they have none when they follow a link."""
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    return path in _OPEN or (path == "/verify" and scope["method"] in {"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Caller:
    """A signed-in person and their session."""

    user: asyncpg.Record
    session_id: uuid.UUID


async def body(request: Request) -> dict[str, Any]:
    """A JSON object; an empty body counts as an empty object."""
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > _LARGEST_BODY:
            raise AuthError(413, "validation_failed", "Request body too large")
    try:
        parsed = json.loads(raw.decode() or "{}")  # given bytes, it would accept UTF-16 and UTF-32 too
    except (ValueError, RecursionError) as error:
        raise AuthError(400, "bad_json", f"Could not parse request body as JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise AuthError(400, "bad_json", "Could not parse request body as JSON: expected an object")
    return parsed


def text(given: dict[str, Any], name: str) -> str:
    """A field that must be text where it is present."""
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise _wrong_type(name)
    return value or ""


def mapping(given: dict[str, Any], name: str) -> dict[str, Any]:
    """A field that must be an object where it is present."""
    value = given.get(name)
    if value is not None and not isinstance(value, dict):
        raise _wrong_type(name)
    return value or {}


def refuse_phone(given: dict[str, Any], known: str | None = None) -> None:
    """Refuse a telephone number that the person does not have already. Numbers cannot be stored, and must not be ignored."""
    phone = text(given, "phone").strip().removeprefix("+").replace(" ", "")
    if not phone or phone == known:
        return
    if not _PHONE.fullmatch(phone):
        raise AuthError(400, "validation_failed", "Invalid phone number format (E.164 required)")
    raise AuthError(400, "phone_provider_disabled", "Phone signups are disabled")


async def caller(request: Request, connection: Connection, *, leaving: bool = False) -> Caller:
    """The person of this access token, if their session is still open.

    The token must name this issuer and a person. To sign out (`leaving`), another issuer is accepted: the issuer changes when
    the server starts on another port, and the session should end nevertheless.
    """
    claims = _claims(request)
    if not leaving:
        _check_whose(request, claims)
    try:
        user_id, session_id = uuid.UUID(claims["sub"]), uuid.UUID(claims["session_id"])
    except (KeyError, ValueError, TypeError, AttributeError):
        raise AuthError(403, "bad_jwt", "invalid claim: missing sub claim") from None
    user = await auth_users.by_id(connection, user_id)
    if user is None:
        raise AuthError(403, "user_not_found", "User from sub claim in JWT does not exist")
    session = await auth_sessions.by_id(connection, session_id)
    if session is None or session["user_id"] != user_id:
        raise AuthError(403, "session_not_found", "Session from session_id claim in JWT does not exist")
    if auth_users.is_banned(user):
        raise AuthError(403, "user_banned", "User is banned")
    return Caller(user, session_id)


@asynccontextmanager
async def attempt(request: Request, email: str | None = None) -> AsyncIterator[None]:
    """Count a failed attempt at this account, or at any link without `email`; refuse further ones after too many.

    Attempts on the pages share these counts. The web process calls the service without them, because its pages have counted.
    """
    limits: Limits | None = getattr(request.state, "limits", None)
    if limits is None:
        yield
        return
    try:
        async with limits.attempt(request.client.host if request.client else "", email):
            try:
                yield
            except AuthError:
                raise
            except Exception as error:
                raise Unavailable("neither right nor wrong") from error  # so that `attempt` does not count it
    except TooMany as error:
        raise AuthError(429, "over_request_rate_limit", error.detail) from None
    except Unavailable as error:
        raise error.__cause__ or error from None


def require_admin(request: Request) -> None:
    """Allow only the secret key. No person's token is accepted, whatever its claims are."""
    keys: Keys = request.app.state.keys
    if not keys.is_secret(_bearer(request)):
        if _bearer(request) != keys.publishable:
            _claims(request)
        raise AuthError(403, "not_admin", "User not allowed")


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise AuthError(401, "no_authorization", "This endpoint requires a valid Bearer token")
    return token.strip()


def _claims(request: Request) -> dict[str, Any]:
    keys: Keys = request.app.state.keys
    try:
        return keys.verify(_bearer(request))
    except jwt.ExpiredSignatureError:
        reason = "token has invalid claims: token is expired"
    except jwt.PyJWTError:
        reason = "token is malformed or not signed by this server"
    raise AuthError(403, "bad_jwt", f"invalid JWT: unable to parse or verify signature, {reason}")


def _check_whose(request: Request, claims: dict[str, Any]) -> None:
    audience = claims.get("aud")
    right = {
        "iss": claims.get("iss") == request.app.state.issuer,
        "aud": auth_users.AUDIENCE in (audience if isinstance(audience, list) else [audience]),
        "role": claims.get("role") == auth_users.AUDIENCE,
    }
    for name, is_right in right.items():
        if not is_right:
            raise AuthError(403, "bad_jwt", f"invalid JWT: token has invalid claims: wrong {name}")


def _wrong_type(name: str) -> AuthError:
    return AuthError(400, "bad_json", f"Could not parse request body as JSON: {name} has the wrong type")
