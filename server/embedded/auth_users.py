"""The tables auth.users and auth.identities: people, written in the order of the real server."""

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from server.embedded.auth_database import Connection
from server.embedded.auth_errors import AuthError

INSTANCE = uuid.UUID(int=0)
AUDIENCE = "authenticated"
_EMAIL = re.compile(
    r"[^@\s,;<>()\"\\\x00-\x1f]{1,64}@[^@\s,;<>()\"\\\x00-\x1f]+\.[^@\s.,;<>()\"\\\x00-\x1f]+"
)
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def normal_email(given: object) -> str:
    """Lower case, as the real server keeps addresses."""
    if not isinstance(given, str) or len(given) > 255 or not _EMAIL.fullmatch(given.strip()):
        raise AuthError(400, "validation_failed", "Unable to validate email address: invalid format")
    return given.strip().lower()


def ban_ends(given: object) -> datetime | None:
    """`none`, or a duration as Go writes it ("24h", "1h30m"), counted from now."""
    if given == "none":
        return None
    text = given if isinstance(given, str) else ""
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise AuthError(400, "validation_failed", f"invalid format for ban duration: {given!r}")
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    return datetime.now(UTC) + timedelta(seconds=min(seconds, 100 * 365 * 86400))


def taken() -> AuthError:
    return AuthError(422, "email_exists", "A user with this email address has already been registered")


def is_banned(user: asyncpg.Record) -> bool:
    until: datetime | None = user["banned_until"]
    return until is not None and until > datetime.now(UTC)


async def by_email(connection: Connection, email: str) -> asyncpg.Record | None:
    return await connection.fetchrow(
        "select * from auth.users where email = $1 and aud = $2 and not is_sso_user", email, AUDIENCE
    )


async def by_id(connection: Connection, user_id: uuid.UUID, *, lock: bool = False) -> asyncpg.Record | None:
    question = "select * from auth.users where id = $1"
    return await connection.fetchrow(f"{question} for update" if lock else question, user_id)


async def identities(
    connection: Connection, user_ids: list[uuid.UUID]
) -> dict[uuid.UUID, list[asyncpg.Record]]:
    rows = await connection.fetch(
        "select * from auth.identities where user_id = any ($1) order by created_at", user_ids
    )
    return {user_id: [row for row in rows if row["user_id"] == user_id] for user_id in user_ids}


async def listed(connection: Connection, page: int, per_page: int) -> tuple[list[asyncpg.Record], int]:
    """One page, newest first, and how many there are."""
    total = await connection.fetchval("select count(*) from auth.users where aud = $1", AUDIENCE)
    rows = await connection.fetch(
        "select * from auth.users where aud = $1 order by created_at desc, id limit $2 offset $3",
        AUDIENCE,
        per_page,
        (page - 1) * per_page,
    )
    return rows, total


async def create(
    connection: Connection, email: str, password_hash: str, user_metadata: dict[str, Any]
) -> uuid.UUID:
    """The row and its identity. Role and app metadata follow as updates in the same transaction."""
    user_id = uuid.uuid4()
    try:
        async with connection.transaction():
            await connection.execute(
                """
                insert into auth.users (instance_id, id, aud, role, email, encrypted_password,
                  confirmation_token, recovery_token, email_change_token_new, email_change,
                  raw_app_meta_data, raw_user_meta_data, created_at, updated_at)
                values ($1, $2, $3, '', $4, $5, '', '', '', '', $6, $7, now(), now())
                """,
                INSTANCE,
                user_id,
                AUDIENCE,
                email,
                password_hash,
                {"provider": "email", "providers": ["email"]},
                user_metadata,
            )
    except asyncpg.UniqueViolationError:
        raise taken() from None
    await connection.execute(
        """
        insert into auth.identities (provider_id, user_id, identity_data, provider,
          last_sign_in_at, created_at, updated_at)
        values ($1::text, $2, $3, 'email', now(), now(), now())
        """,
        str(user_id),
        user_id,
        {"sub": str(user_id), "email": email, "email_verified": False, "phone_verified": False},
    )
    return user_id


async def set_role(connection: Connection, user_id: uuid.UUID, role: str) -> None:
    await connection.execute(
        "update auth.users set role = $2, updated_at = now() where id = $1", user_id, role
    )


async def merge_app_metadata(connection: Connection, user_id: uuid.UUID, changes: dict[str, Any]) -> None:
    """Add and replace keys; null removes one."""
    await connection.execute(
        """
        update auth.users set updated_at = now(), raw_app_meta_data =
          (coalesce(raw_app_meta_data, '{}') || $2::jsonb) - $3::text[]
        where id = $1
        """,
        user_id,
        *_changes(changes),
    )


async def merge_user_metadata(connection: Connection, user_id: uuid.UUID, changes: dict[str, Any]) -> None:
    await connection.execute(
        """
        update auth.users set updated_at = now(), raw_user_meta_data =
          (coalesce(raw_user_meta_data, '{}') || $2::jsonb) - $3::text[]
        where id = $1
        """,
        user_id,
        *_changes(changes),
    )


async def confirm(connection: Connection, user_id: uuid.UUID) -> None:
    await merge_user_metadata(connection, user_id, {"email_verified": True})
    await connection.execute(
        """
        update auth.users set confirmation_token = '', updated_at = now(),
          email_confirmed_at = coalesce(email_confirmed_at, now())
        where id = $1
        """,
        user_id,
    )


async def ban(connection: Connection, user_id: uuid.UUID, until: datetime | None) -> None:
    await connection.execute(
        "update auth.users set banned_until = $2, updated_at = now() where id = $1", user_id, until
    )


async def set_password(connection: Connection, user_id: uuid.UUID, password_hash: str) -> None:
    await connection.execute(
        """
        update auth.users set encrypted_password = $2, recovery_token = '', reauthentication_token = '',
          updated_at = now()
        where id = $1
        """,
        user_id,
        password_hash,
    )


async def set_email(connection: Connection, user_id: uuid.UUID, email: str) -> None:
    try:
        async with connection.transaction():
            await connection.execute(
                "update auth.users set email = $2, updated_at = now() where id = $1", user_id, email
            )
    except asyncpg.UniqueViolationError:
        raise taken() from None
    await connection.execute(
        """
        update auth.identities set identity_data = identity_data || jsonb_build_object('email', $2::text),
          updated_at = now()
        where user_id = $1 and provider = 'email'
        """,
        user_id,
        email,
    )


async def signed_in(connection: Connection, user_id: uuid.UUID) -> None:
    await connection.execute(
        "update auth.users set last_sign_in_at = now(), updated_at = now() where id = $1", user_id
    )
    await connection.execute(
        """
        update auth.identities set last_sign_in_at = now(), updated_at = now()
        where user_id = $1 and provider = 'email'
        """,
        user_id,
    )


async def delete(connection: Connection, user_id: uuid.UUID) -> None:
    await connection.execute("delete from auth.users where id = $1", user_id)


async def soft_delete(connection: Connection, user_id: uuid.UUID) -> None:
    """Keep the row for those who refer to it, without anything to recognise the person or to sign in by."""
    await connection.execute(
        """
        update auth.users set deleted_at = now(), updated_at = now(), phone = null, encrypted_password = '',
          email = encode(sha256((id::text || coalesce(email, ''))::bytea), 'hex'),
          raw_user_meta_data = '{}', raw_app_meta_data = '{}', email_change = '', confirmation_token = '',
          recovery_token = '', email_change_token_new = '', email_change_token_current = '',
          reauthentication_token = ''
        where id = $1
        """,
        user_id,
    )
    await connection.execute("delete from auth.identities where user_id = $1", user_id)
    await connection.execute("delete from auth.one_time_tokens where user_id = $1", user_id)


async def read(connection: Connection, user_id: uuid.UUID) -> dict[str, Any]:
    """A person as JSON, as they are now in this transaction."""
    user = await by_id(connection, user_id)
    assert user is not None
    return public(user, (await identities(connection, [user_id]))[user_id])


def public(user: asyncpg.Record, its_identities: list[asyncpg.Record]) -> dict[str, Any]:
    """A person as JSON; moments that have not come are left out."""
    moments = (
        "email_confirmed_at",
        "phone_confirmed_at",
        "invited_at",
        "confirmation_sent_at",
        "confirmed_at",
        "recovery_sent_at",
        "email_change_sent_at",
        "last_sign_in_at",
        "banned_until",
        "deleted_at",
    )
    return {
        "id": str(user["id"]),
        "aud": user["aud"],
        "role": user["role"],
        "email": user["email"] or "",
        "phone": user["phone"] or "",
        **{name: _moment(user[name]) for name in moments if user[name] is not None},
        "app_metadata": user["raw_app_meta_data"] or {},
        "user_metadata": user["raw_user_meta_data"] or {},
        "identities": [_public_identity(identity) for identity in its_identities],
        "created_at": _moment(user["created_at"]),
        "updated_at": _moment(user["updated_at"]),
        "is_anonymous": user["is_anonymous"],
    }


def _public_identity(identity: asyncpg.Record) -> dict[str, Any]:
    return {
        "identity_id": str(identity["id"]),
        "id": identity["provider_id"],
        "user_id": str(identity["user_id"]),
        "identity_data": identity["identity_data"],
        "provider": identity["provider"],
        "last_sign_in_at": _moment(identity["last_sign_in_at"]),
        "created_at": _moment(identity["created_at"]),
        "updated_at": _moment(identity["updated_at"]),
        "email": identity["email"],
    }


def _moment(value: datetime | None) -> str | None:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value else None


def _changes(changes: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    kept = {key: value for key, value in changes.items() if value is not None}
    return kept, [key for key in changes if key not in kept]
