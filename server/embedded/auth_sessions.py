"""The tables auth.sessions, auth.refresh_tokens and auth.mfa_amr_claims: sessions, their tokens, and how they were opened."""

import ipaddress
import secrets
import time
import uuid
from typing import Any, Literal

import asyncpg
from starlette.requests import Request
from starlette.responses import JSONResponse

from server.embedded import auth_users
from server.embedded.auth_database import Connection
from server.embedded.auth_errors import AuthError

Method = Literal["password", "otp"]
LIFE = 3600  # seconds of an access token
_CLAIMS = ("aud", "email", "phone", "app_metadata", "user_metadata", "role", "is_anonymous")
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


async def begin(
    connection: Connection, user_id: uuid.UUID, request: Request, method: Method
) -> tuple[uuid.UUID, str]:
    """Open a session with its first refresh token."""
    session_id = uuid.uuid4()
    await connection.execute(
        """
        insert into auth.sessions (id, user_id, created_at, updated_at, aal, user_agent, ip)
        values ($1, $2, now(), now(), 'aal1', $3, $4::text::inet)
        """,
        session_id,
        user_id,
        request.headers.get("user-agent", ""),
        _address(request),
    )
    refresh_token = await _issue(connection, user_id, session_id, parent=None)
    await connection.execute(
        "update auth.users set last_sign_in_at = now(), updated_at = now() where id = $1", user_id
    )
    await connection.execute(
        """
        insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at, authentication_method)
        values ($1, $2, now(), now(), $3)
        """,
        uuid.uuid4(),
        session_id,
        method,
    )
    return session_id, refresh_token


async def rotate(connection: Connection, given: str, request: Request) -> tuple[asyncpg.Record, str]:
    """The session and its current refresh token, after a token was used.

    The parent of the current token gets the current one again: the client may have lost the answer, or a second tab sent it. An
    older token may be stolen, so its session ends and the returned token is empty. The caller has to commit before it refuses.
    """
    session = await connection.fetchrow(
        """
        select * from auth.sessions where id = (select session_id from auth.refresh_tokens where token = $1)
        for update
        """,
        given,
    )
    used = await connection.fetchrow("select * from auth.refresh_tokens where token = $1", given)
    if session is None or used is None:
        raise AuthError(400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found")
    current = await connection.fetchrow(
        """
        select * from auth.refresh_tokens where session_id = $1 and not revoked order by id desc limit 1
        """,
        session["id"],
    )
    if used["revoked"]:
        if current is None or current["parent"] != given:
            await end(connection, session["id"])
            return session, ""
        fresh = current["token"]
    else:
        await connection.execute(
            "update auth.refresh_tokens set revoked = true, updated_at = now() where id = $1", used["id"]
        )
        fresh = await _issue(connection, session["user_id"], session["id"], parent=given)
    await connection.execute(
        """
        update auth.sessions set refreshed_at = now() at time zone 'utc', user_agent = $2, ip = $3::text::inet,
          updated_at = now()
        where id = $1
        """,
        session["id"],
        request.headers.get("user-agent"),
        _address(request),
    )
    return session, fresh


async def by_id(connection: Connection, session_id: uuid.UUID) -> asyncpg.Record | None:
    return await connection.fetchrow("select * from auth.sessions where id = $1", session_id)


async def end(connection: Connection, session_id: uuid.UUID) -> None:
    await connection.execute("delete from auth.sessions where id = $1", session_id)


async def end_others(connection: Connection, user_id: uuid.UUID, but: uuid.UUID | None) -> None:
    """End all sessions of a person, or all but one."""
    await connection.execute(
        "delete from auth.sessions where user_id = $1 and id is distinct from $2", user_id, but
    )


async def answer(
    connection: Connection, request: Request, session_id: uuid.UUID, refresh_token: str
) -> JSONResponse:
    """The answer to a sign-in or a refresh: tokens, and the person as they are now."""
    session = await by_id(connection, session_id)
    assert session is not None
    user = await auth_users.read(connection, session["user_id"])
    now = int(time.time())
    claims = {
        "iss": request.app.state.issuer,
        "sub": user["id"],
        "exp": now + LIFE,
        "iat": now,
        "aal": session["aal"],
        "amr": await _methods(connection, session_id),
        "session_id": str(session_id),
        **{name: user[name] for name in _CLAIMS},
    }
    return JSONResponse(
        {
            "access_token": request.app.state.keys.sign(claims),
            "token_type": "bearer",
            "expires_in": LIFE,
            "expires_at": now + LIFE,
            "refresh_token": refresh_token,
            "user": user,
        },
        headers={"Cache-Control": "no-store"},
    )


async def _methods(connection: Connection, session_id: uuid.UUID) -> list[dict[str, Any]]:
    """How and when the person proved their identity. A refresh does not change it."""
    rows = await connection.fetch(
        "select * from auth.mfa_amr_claims where session_id = $1 order by updated_at", session_id
    )
    return [
        {"method": row["authentication_method"], "timestamp": int(row["updated_at"].timestamp())}
        for row in rows
    ]


def _address(request: Request) -> str | None:
    """The client's address, or None when the server reports something else."""
    try:
        return str(ipaddress.ip_address(request.client.host)) if request.client else None
    except ValueError:
        return None


async def _issue(
    connection: Connection, user_id: uuid.UUID, session_id: uuid.UUID, parent: str | None
) -> str:
    token = "".join(secrets.choice(_ALPHABET) for _ in range(26))
    await connection.execute(
        """
        insert into auth.refresh_tokens (instance_id, token, user_id, revoked, parent, session_id,
          created_at, updated_at)
        values ($1, $2, $3::text, false, $4, $5, now(), now())
        """,
        auth_users.INSTANCE,
        token,
        str(user_id),
        parent,
        session_id,
    )
    return token
