"""The embedded Auth service: the part of Supabase Auth's API that a home needs, mounted at /auth/v1."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import asyncpg
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from server.embedded import auth_admin, auth_links, auth_sessions, auth_users, passwords
from server.embedded.auth_database import AuthDatabase, database_of
from server.embedded.auth_errors import (
    AuthError,
    answer,
    answer_database,
    answer_fault,
    answer_not_offered,
    answer_unreachable,
)
from server.embedded.auth_gateway import Gateway, attempt, body, caller, mapping, refuse_phone, text
from server.embedded.keys import Keys

__all__ = ["Keys", "close_auth_app", "create_auth_app"]


def create_auth_app(
    url: str,
    keys: Keys,
    *,
    issuer: str,
    outbox: Path,
    site: str | None = None,
    refuses: Callable[[UUID, str, str], bool] = lambda _id, _email, _password: False,
) -> Starlette:
    """The ASGI application, to be mounted at /auth/v1 of `site`. `url` connects as supabase_auth_admin, at the first request.

    `refuses` returns whether this person (id, e-mail) must not sign in with this password, although it is the right one.
    A mounted application gets no lifespan events, so the caller has to call `close_auth_app` at the end.
    """
    app = Starlette(
        routes=[
            Route("/health", health),
            Route("/settings", settings),
            Route("/.well-known/jwks.json", jwks),
            Route("/.well-known/openid-configuration", openid_configuration),
            Route("/signup", sign_up, methods=["POST"]),
            Route("/token", token, methods=["POST"]),
            Route("/user", show_user, methods=["GET"]),
            Route("/user", update_user, methods=["PUT"]),
            Route("/logout", log_out, methods=["POST"]),
            Route("/recover", auth_links.recover, methods=["POST"]),
            Route("/verify", auth_links.verify, methods=["POST"]),
            Route("/verify", auth_links.show, methods=["GET"]),
            Route("/invite", auth_links.invite, methods=["POST"]),
            Route("/admin/generate_link", auth_links.generate, methods=["POST"]),
            Route("/admin/users", auth_admin.create, methods=["POST"]),
            Route("/admin/users", auth_admin.index, methods=["GET"]),
            Route("/admin/users/{user_id}", auth_admin.show, methods=["GET"]),
            Route("/admin/users/{user_id}", auth_admin.update, methods=["PUT"]),
            Route("/admin/users/{user_id}", auth_admin.delete, methods=["DELETE"]),
        ],
        middleware=[Middleware(Gateway, keys=keys)],
        exception_handlers={
            AuthError: answer,
            HTTPException: answer_not_offered,
            Exception: answer_fault,
            asyncpg.PostgresConnectionError: answer_unreachable,
            asyncpg.OperatorInterventionError: answer_unreachable,
            asyncpg.PostgresError: answer_database,
            asyncpg.InterfaceError: answer_unreachable,
            OSError: answer_unreachable,
            UnicodeError: answer_database,
        },
        lifespan=_closing,
    )
    app.state.database = AuthDatabase(url)
    app.state.keys = keys
    app.state.issuer = issuer
    app.state.site = site or issuer.removesuffix("/auth/v1")
    app.state.outbox = outbox
    app.state.refuses = refuses
    return app


async def close_auth_app(app: Starlette) -> None:
    """Close the connections."""
    await database_of(app).close()


async def health(request: Request) -> Response:
    return JSONResponse(
        {
            "version": "floorwalker",
            "name": "GoTrue",
            "description": "Supabase Auth as Floorwalker embeds it",
        }
    )


async def settings(request: Request) -> Response:
    return JSONResponse(
        {
            "external": {"anonymous_users": False, "email": True, "phone": False},
            "disable_signup": True,
            "mailer_autoconfirm": False,
            "phone_autoconfirm": False,
            "sms_provider": "",
            "saml_enabled": False,
        }
    )


async def jwks(request: Request) -> Response:
    return JSONResponse(request.app.state.keys.jwks(), headers={"Cache-Control": "public, max-age=600"})


async def openid_configuration(request: Request) -> Response:
    """The issuer that tokens name."""
    issuer = request.app.state.issuer
    return JSONResponse(
        {"issuer": issuer, "jwks_uri": f"{issuer}/.well-known/jwks.json"},
        headers={"Cache-Control": "public, max-age=600"},
    )


async def sign_up(request: Request) -> Response:
    """Refuse it: people are created or invited by an admin."""
    given = await body(request)
    if not text(given, "email") and not text(given, "phone"):
        raise AuthError(422, "anonymous_provider_disabled", "Anonymous sign-ins are disabled")
    raise AuthError(422, "signup_disabled", "Signups not allowed for this instance")


async def token(request: Request) -> Response:
    grants = {"password": _password_grant, "refresh_token": _refresh_grant}
    grant = grants.get(request.query_params.get("grant_type", ""))
    if grant is None:
        raise AuthError(400, "invalid_credentials", "unsupported_grant_type")
    return await grant(request)


async def _password_grant(request: Request) -> Response:
    given = await body(request)
    email, password = text(given, "email").strip().lower(), text(given, "password")
    if not email and text(given, "phone"):
        raise AuthError(422, "phone_provider_disabled", "Phone logins are disabled")
    if not email:
        raise AuthError(400, "validation_failed", "missing email or phone")
    async with attempt(request, email):
        async with database_of(request.app).transaction() as connection:
            user = await auth_users.by_email(connection, email)
        same = await passwords.matches(password, user["encrypted_password"] if user else None)
        if user is not None and same:
            same = not request.app.state.refuses(user["id"], email, password)
        if user is not None and auth_users.is_banned(user):
            raise AuthError(400, "user_banned", "User is banned")
        if user is None or not same or user["deleted_at"] is not None:
            raise AuthError(400, "invalid_credentials", "Invalid login credentials")
        if user["email_confirmed_at"] is None:
            raise AuthError(400, "email_not_confirmed", "Email not confirmed")
    async with database_of(request.app).transaction() as connection:
        session_id, refresh_token = await auth_sessions.begin(connection, user["id"], request, "password")
        return await auth_sessions.answer(connection, request, session_id, refresh_token)


async def _refresh_grant(request: Request) -> Response:
    given = text(await body(request), "refresh_token")
    if not given:
        raise AuthError(400, "validation_failed", "refresh_token required")
    async with database_of(request.app).transaction() as connection:
        session, fresh = await auth_sessions.rotate(connection, given, request)
        user = await auth_users.by_id(connection, session["user_id"])
        if user is not None and auth_users.is_banned(user):
            raise AuthError(400, "user_banned", "Invalid Refresh Token: User Banned")
        if fresh:
            return await auth_sessions.answer(connection, request, session["id"], fresh)
    # After the transaction, because the end of the session has to be stored.
    raise AuthError(400, "refresh_token_already_used", "Invalid Refresh Token: Already Used")


async def show_user(request: Request) -> Response:
    async with database_of(request.app).transaction() as connection:
        user = (await caller(request, connection)).user
        return JSONResponse(await auth_users.read(connection, user["id"]))


async def update_user(request: Request) -> Response:
    """Change the person's own metadata and password. Roles are app metadata, which only an admin changes."""
    given = await body(request)
    async with database_of(request.app).transaction() as connection:
        who = await caller(request, connection)
    if given.get("app_metadata") is not None:
        raise AuthError(403, "not_admin", "Updating app_metadata requires admin privileges")
    if text(given, "email") and text(given, "email").lower() != who.user["email"]:
        raise AuthError(422, "email_provider_disabled", "An admin changes e-mail addresses here")
    refuse_phone(given, who.user["phone"])
    password, password_hash = text(given, "password"), None
    if given.get("password") is not None:
        passwords.check(password)
        if await passwords.matches(password, who.user["encrypted_password"]):
            raise AuthError(422, "same_password", "New password should be different from the old password.")
        password_hash = await passwords.hashed(password)
    async with database_of(request.app).transaction() as connection:
        user_id = (await caller(request, connection)).user["id"]
        if password_hash is not None:
            await auth_users.set_password(connection, user_id, password_hash)
            await auth_sessions.end_others(connection, user_id, who.session_id)
        if changes := mapping(given, "data"):
            await auth_users.merge_user_metadata(connection, user_id, changes)
        return JSONResponse(await auth_users.read(connection, user_id))


async def log_out(request: Request) -> Response:
    scope = request.query_params.get("scope") or "global"
    if scope not in {"global", "local", "others"}:
        raise AuthError(400, "validation_failed", f'Unsupported logout scope "{scope}"')
    async with database_of(request.app).transaction() as connection:
        who = await caller(request, connection, leaving=True)
        if scope == "local":
            await auth_sessions.end(connection, who.session_id)
        else:
            but = who.session_id if scope == "others" else None
            await auth_sessions.end_others(connection, who.user["id"], but)
    return Response(status_code=204)


@asynccontextmanager
async def _closing(app: Starlette) -> AsyncIterator[None]:
    yield
    await close_auth_app(app)
