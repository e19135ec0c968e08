"""The endpoints under /admin/users of the Auth service, which require the secret key."""

import secrets
import uuid
from typing import Any

import asyncpg
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from server.embedded import auth_sessions, auth_users, passwords
from server.embedded.auth_database import Connection, database_of
from server.embedded.auth_errors import AuthError
from server.embedded.auth_gateway import body, mapping, refuse_phone, require_admin, text

_PER_PAGE, _LARGEST_PAGE = 50, 1000


async def create(request: Request) -> Response:
    """Create a person. One who moves here from another server may keep their id and the hash of their password."""
    require_admin(request)
    given = await body(request)
    refuse_phone(given)
    if not text(given, "email"):
        raise AuthError(400, "validation_failed", "Cannot create a user without either an email or phone")
    email = auth_users.normal_email(given["email"])
    user_id = _own_id(given)
    banned_until = auth_users.ban_ends(given["ban_duration"]) if text(given, "ban_duration") else None
    password_hash = await _password_hash(given)
    async with database_of(request.app).transaction() as connection:
        if await auth_users.by_email(connection, email) is not None:
            raise auth_users.taken()
        user_metadata = mapping(given, "user_metadata")
        user_id = await auth_users.create(connection, email, password_hash, user_metadata, user_id)
        await auth_users.set_role(connection, user_id, text(given, "role") or auth_users.AUDIENCE)
        if changes := mapping(given, "app_metadata"):
            await auth_users.merge_app_metadata(connection, user_id, changes)
        if given.get("email_confirm") is True:
            await auth_users.confirm(connection, user_id)
        if banned_until is not None:
            await auth_users.ban(connection, user_id, banned_until)
        return await _answer(connection, user_id)


async def index(request: Request) -> Response:
    require_admin(request)
    page, per_page = _number(request, "page", 1), min(_number(request, "per_page", _PER_PAGE), _LARGEST_PAGE)
    async with database_of(request.app).transaction() as connection:
        users, total = await auth_users.listed(connection, page, per_page)
        identities = await auth_users.identities(connection, [user["id"] for user in users])
    pages = -(-total // per_page)
    path = "/admin/users?page={page}&per_page={per_page}"
    links = [f'<{path.format(page=pages, per_page=per_page)}>; rel="last"']
    if pages > page:
        links.insert(0, f'<{path.format(page=page + 1, per_page=per_page)}>; rel="next"')
    return JSONResponse(
        {
            "users": [auth_users.public(user, identities[user["id"]]) for user in users],
            "aud": auth_users.AUDIENCE,
        },
        headers={"X-Total-Count": str(total), "Link": ", ".join(links)},
    )


async def show(request: Request) -> Response:
    require_admin(request)
    async with database_of(request.app).transaction() as connection:
        user = await _user(request, connection)
        return await _answer(connection, user["id"])


async def update(request: Request) -> Response:
    require_admin(request)
    given = await body(request)
    email = auth_users.normal_email(given["email"]) if text(given, "email") else None
    password, password_hash = text(given, "password"), None
    if given.get("password") is not None:
        passwords.check(password)
        password_hash = await passwords.hashed(password)
    async with database_of(request.app).transaction() as connection:
        user = await _user(request, connection, lock=True)
        refuse_phone(given, user["phone"])
        user_id: uuid.UUID = user["id"]
        if role := text(given, "role"):
            await auth_users.set_role(connection, user_id, role)
        if given.get("email_confirm") is True:
            await auth_users.confirm(connection, user_id)
        if password_hash is not None:
            await auth_users.set_password(connection, user_id, password_hash)
            await auth_sessions.end_others(connection, user_id, None)
        if email is not None:
            verified = given.get("email_confirm") is True
            await auth_users.set_email(connection, user_id, email, verified=verified)
        if changes := mapping(given, "app_metadata"):
            await auth_users.merge_app_metadata(connection, user_id, changes)
        if changes := mapping(given, "user_metadata"):
            await auth_users.merge_user_metadata(connection, user_id, changes)
        if text(given, "ban_duration"):
            await auth_users.ban(connection, user_id, auth_users.ban_ends(given["ban_duration"]))
        return await _answer(connection, user_id)


async def delete(request: Request) -> Response:
    require_admin(request)
    given = await body(request)
    async with database_of(request.app).transaction() as connection:
        user = await _user(request, connection, lock=True)
        if given.get("should_soft_delete") is not True:
            await auth_users.delete(connection, user["id"])
        elif user["deleted_at"] is None:
            await auth_users.soft_delete(connection, user)
            await auth_sessions.end_others(connection, user["id"], None)
    return JSONResponse({})


async def _user(request: Request, connection: Connection, *, lock: bool = False) -> asyncpg.Record:
    try:
        user_id = uuid.UUID(request.path_params["user_id"])
    except ValueError:
        raise AuthError(404, "validation_failed", "user_id must be an UUID") from None
    user = await auth_users.by_id(connection, user_id, lock=lock)
    if user is None:
        raise AuthError(404, "user_not_found", "User not found")
    return user


def _own_id(given: dict[str, Any]) -> uuid.UUID | None:
    """The id that the request gives, if any, so that references to the person in other data stay valid."""
    if not text(given, "id"):
        return None
    try:
        user_id = uuid.UUID(given["id"])
    except ValueError:
        raise AuthError(400, "validation_failed", "ID must conform to the uuid v4 format") from None
    if not user_id.int:
        raise AuthError(400, "validation_failed", "ID cannot be a nil uuid")
    return user_id


async def _password_hash(given: dict[str, Any]) -> str:
    """The hash of the given password, the given hash, or the hash of an unknown random password."""
    password_hash = text(given, "password_hash")
    if not password_hash:
        password = text(given, "password") or secrets.token_urlsafe(32)
        passwords.check(password)
        return await passwords.hashed(password)
    if given.get("password") is not None:
        message = "Only a password or a password hash should be provided"
        raise AuthError(400, "validation_failed", message)
    if not passwords.is_hash(password_hash):
        raise AuthError(400, "validation_failed", "The password hash is of an unknown kind")
    return password_hash


async def _answer(connection: Connection, user_id: uuid.UUID) -> Response:
    return JSONResponse(await auth_users.read(connection, user_id))


def _number(request: Request, name: str, default: int) -> int:
    """A number of the query string. An empty value counts as absent, because Supabase's client sends it for a missing one."""
    given: Any = request.query_params.get(name) or default
    try:
        number = int(given)
    except ValueError:
        number = 0
    if not 1 <= number < 2**31:
        raise AuthError(
            400,
            "validation_failed",
            f"Bad Pagination Parameters: {name} must be a number from 1 to 2147483647",
        )
    return number
