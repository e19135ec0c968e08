"""The tables auth.users and auth.identities, written by the same sequence of statements as in Supabase Auth, for the triggers."""

import base64
import hashlib
import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from server.embedded import auth_tokens
from server.embedded.auth_database import Connection
from server.embedded.auth_errors import AuthError

INSTANCE = uuid.UUID(int=0)
AUDIENCE = "authenticated"
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_EMAIL = re.compile(rf"[a-zA-Z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL})+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def normal_email(given: object) -> str:
    """Lower case, as the real server stores addresses."""
    if not given:
        raise AuthError(400, "validation_failed", "An email address is required")
    if not isinstance(given, str) or len(given) > 255 or not _EMAIL.fullmatch(given.strip()):
        raise AuthError(400, "validation_failed", "Unable to validate email address: invalid format")
    return given.strip().lower()


def ban_ends(given: object) -> datetime | None:
    """The end of a ban: None for `none`, otherwise now plus a duration as Go writes it ("24h", "1h30m")."""
    if given == "none":
        return None
    text = given if isinstance(given, str) else ""
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise AuthError(400, "validation_failed", f"invalid format for ban duration: {given!r}")
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if not seconds:
        return None
    return datetime.now(UTC) + timedelta(seconds=min(seconds, 100 * 365 * 86400))


def taken() -> AuthError:
    return AuthError(422, "email_exists", "A user with this email address has already been registered")


def _taken(error: asyncpg.UniqueViolationError) -> Exception:
    """`taken` for a duplicate address. Any other duplicate stays an error of PostgreSQL."""
    return taken() if error.constraint_name == "users_email_partial_key" else error


def is_banned(user: asyncpg.Record) -> bool:
    until: datetime | None = user["banned_until"]
    return until is not None and until > datetime.now(UTC)


async def by_email(connection: Connection, email: str, *, lock: bool = False) -> asyncpg.Record | None:
    query = "select * from auth.users where email = $1 and aud = $2 and not is_sso_user"
    return await connection.fetchrow(f"{query} for update" if lock else query, email, AUDIENCE)


async def by_id(connection: Connection, user_id: uuid.UUID, *, lock: bool = False) -> asyncpg.Record | None:
    query = "select * from auth.users where id = $1"
    return await connection.fetchrow(f"{query} for update" if lock else query, user_id)


async def identities(
    connection: Connection, user_ids: list[uuid.UUID]
) -> dict[uuid.UUID, list[asyncpg.Record]]:
    rows = await connection.fetch(
        "select * from auth.identities where user_id = any ($1) order by created_at", user_ids
    )
    return {user_id: [row for row in rows if row["user_id"] == user_id] for user_id in user_ids}


async def listed(connection: Connection, page: int, per_page: int) -> tuple[list[asyncpg.Record], int]:
    """One page of people, newest first, and their number."""
    total = await connection.fetchval("select count(*) from auth.users where aud = $1", AUDIENCE)
    rows = await connection.fetch(
        "select * from auth.users where aud = $1 order by created_at desc, id limit $2 offset $3",
        AUDIENCE,
        per_page,
        (page - 1) * per_page,
    )
    return rows, total


async def create(
    connection: Connection,
    email: str,
    password_hash: str,
    user_metadata: dict[str, Any],
    user_id: uuid.UUID | None = None,
) -> uuid.UUID:
    """Insert the row and its identity. Role and app metadata follow as updates in the same transaction."""
    user_id = user_id or uuid.uuid4()
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
    except asyncpg.UniqueViolationError as error:
        raise _taken(error) from None
    await _add_identity(connection, user_id, email, verified=False)
    return user_id


async def _add_identity(connection: Connection, user_id: uuid.UUID, email: str, *, verified: bool) -> None:
    await connection.execute(
        """
        insert into auth.identities (provider_id, user_id, identity_data, provider,
          last_sign_in_at, created_at, updated_at)
        values ($1::text, $2, $3, 'email', now(), now(), now())
        """,
        str(user_id),
        user_id,
        {"sub": str(user_id), "email": email, "email_verified": verified, "phone_verified": False},
    )


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


async def renew_providers(connection: Connection, user_id: uuid.UUID) -> None:
    """Write the providers by which the person can sign in into the app metadata."""
    rows = (await identities(connection, [user_id]))[user_id]
    providers = list(dict.fromkeys(row["provider"] for row in rows))
    first = {"provider": providers[0]} if providers else {}
    await merge_app_metadata(connection, user_id, {"providers": providers, **first})


async def confirm(connection: Connection, user_id: uuid.UUID) -> None:
    """Confirm the address. Links that were sent become invalid."""
    await connection.execute(
        """
        update auth.users set confirmation_token = '', email_confirmed_at = now(), updated_at = now()
        where id = $1
        """,
        user_id,
    )
    await merge_user_metadata(connection, user_id, {"email_verified": True})
    await auth_tokens.clear(connection, user_id)


async def verify_identity(connection: Connection, user_id: uuid.UUID) -> None:
    await connection.execute(
        """
        update auth.identities i set identity_data = i.identity_data || '{"email_verified": true}'
        from auth.users u where u.id = $1 and i.user_id = u.id and i.email = u.email
        """,
        user_id,
    )


async def recovered(connection: Connection, user_id: uuid.UUID) -> None:
    """Note that the link of a recovery was used."""
    await connection.execute(
        "update auth.users set recovery_token = '', updated_at = now() where id = $1", user_id
    )
    await auth_tokens.clear(connection, user_id)


async def ban(connection: Connection, user_id: uuid.UUID, until: datetime | None) -> None:
    await connection.execute(
        "update auth.users set banned_until = $2, updated_at = now() where id = $1", user_id, until
    )


async def set_password(connection: Connection, user_id: uuid.UUID, password_hash: str) -> None:
    """Set a password. Links that were sent before become invalid."""
    await connection.execute(
        """
        update auth.users set encrypted_password = $2, confirmation_token = '', confirmation_sent_at = null,
          recovery_token = '', recovery_sent_at = null, email_change_token_current = '',
          email_change_token_new = '', email_change_sent_at = null, phone_change_token = '',
          phone_change_sent_at = null, reauthentication_token = '', reauthentication_sent_at = null,
          updated_at = now()
        where id = $1
        """,
        user_id,
        password_hash,
    )
    await auth_tokens.clear(connection, user_id)


async def set_email(connection: Connection, user_id: uuid.UUID, email: str, *, verified: bool) -> None:
    """Set another address. Links that were sent to the old one become invalid."""
    changed = await connection.execute(
        """
        update auth.identities set identity_data = identity_data ||
          jsonb_build_object('email', $2::text, 'email_verified', $3::boolean)
        where provider_id = $1::uuid::text and provider = 'email'
        """,
        user_id,
        email,
        verified,
    )
    if changed == "UPDATE 0":
        await _add_identity(connection, user_id, email, verified=verified)
    try:
        async with connection.transaction():
            await connection.execute(
                "update auth.users set email = $2, updated_at = now() where id = $1", user_id, email
            )
    except asyncpg.UniqueViolationError as error:
        raise _taken(error) from None
    await connection.execute(
        """
        update auth.users set confirmation_token = '', confirmation_sent_at = null, recovery_token = '',
          recovery_sent_at = null, email_change = '', email_change_token_current = '',
          email_change_token_new = '', email_change_sent_at = null, email_change_confirm_status = 0,
          phone_change = '', phone_change_token = '', phone_change_sent_at = null,
          reauthentication_token = '', reauthentication_sent_at = null, updated_at = now()
        where id = $1
        """,
        user_id,
    )
    await auth_tokens.clear(connection, user_id)


async def delete(connection: Connection, user_id: uuid.UUID) -> None:
    await connection.execute("delete from auth.users where id = $1", user_id)


async def soft_delete(connection: Connection, user: asyncpg.Record) -> None:
    """Keep the row for references to it, but nothing that identifies the person or allows a sign-in."""
    user_id: uuid.UUID = user["id"]
    await connection.execute(
        """
        update auth.users set email = $2, phone = left($3, 15), email_change = $4, phone_change = left($5, 15),
          encrypted_password = null, confirmation_token = '', recovery_token = '',
          email_change_token_current = '', email_change_token_new = '', phone_change_token = '',
          deleted_at = now(), updated_at = now()
        where id = $1
        """,
        user_id,
        *(_obscured(user_id, user[name]) for name in ("email", "phone", "email_change", "phone_change")),
    )
    await auth_tokens.clear(connection, user_id)
    for column in ("raw_user_meta_data", "raw_app_meta_data"):
        await connection.execute(
            f"update auth.users set {column} = '{{}}', updated_at = now() where id = $1", user_id
        )
    for identity in (await identities(connection, [user_id]))[user_id]:
        await connection.execute(
            "update auth.identities set identity_data = '{}', provider_id = $2 where id = $1",
            identity["id"],
            _obscured(user_id, f"{identity['provider']}:{identity['provider_id']}"),
        )


def _obscured(user_id: uuid.UUID, value: str | None) -> str:
    """A hash of the value, so that it stays unique and is not readable."""
    hashed = hashlib.sha256(f"{user_id}{value or ''}".encode()).digest()
    return base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()


async def read(connection: Connection, user_id: uuid.UUID) -> dict[str, Any]:
    """The person as JSON, as they are now in this transaction."""
    user = await by_id(connection, user_id)
    assert user is not None
    return public(user, (await identities(connection, [user_id]))[user_id])


def public(user: asyncpg.Record, its_identities: list[asyncpg.Record]) -> dict[str, Any]:
    """The person as JSON; times that are not set are left out."""
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
        **({"new_email": user["email_change"]} if user["email_change"] else {}),
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
