"""The table auth.one_time_tokens and the related columns of auth.users: the tokens of links, which work once."""

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import asyncpg

from server.embedded.auth_database import Connection
from server.embedded.auth_errors import AuthError

Kind = Literal["recovery_token", "confirmation_token", "email_change_token_current", "email_change_token_new"]
_SENT = {
    "recovery_token": "recovery_sent_at",
    "confirmation_token": "confirmation_sent_at",
    "email_change_token_current": "email_change_sent_at",
    "email_change_token_new": "email_change_sent_at",
}
# Recovery: an hour, as in a hosted project. The others: a day, the default of Supabase Auth, because an invited person may read
# the e-mail the next day.
_HOUR, _DAY = timedelta(hours=1), timedelta(hours=24)
_LIFE = {
    "recovery_token": _HOUR,
    "confirmation_token": _DAY,
    "email_change_token_current": _DAY,
    "email_change_token_new": _DAY,
}
_PAUSE = timedelta(seconds=60)
# The hash is made of the address and this code alone, so an attacker who knows the address has to try only codes. Six digits,
# the default of a hosted project, are too few for that. Ten are the most that Supabase Auth allows.
_DIGITS = 10


@dataclass(frozen=True, slots=True)
class OneTimeToken:
    """A token: `code` and `token_hash` are sent, and only the hash is stored."""

    code: str
    token_hash: str


def digest(email: str, code: str) -> str:
    """The hash, made like that of the real server."""
    return hashlib.sha224((email + code).encode()).hexdigest()


def check_pause(sent_at: datetime | None) -> None:
    """Refuse a second e-mail of a kind to the same person within a minute."""
    left = _PAUSE - (datetime.now(UTC) - sent_at) if sent_at else timedelta()
    if left > timedelta():
        message = f"For security purposes, you can only request this after {left.seconds} seconds."
        raise AuthError(429, "over_email_send_rate_limit", message)


async def issue(
    connection: Connection,
    user: asyncpg.Record,
    kind: Kind,
    *,
    invited: bool = False,
    address: str | None = None,
) -> OneTimeToken:
    """Issue a token for the person's address or another one. The previous token becomes invalid."""
    to: str = address or user["email"]
    code = f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}}"
    token = OneTimeToken(code, digest(to, code))
    await connection.execute(
        f"""
        update auth.users set {kind} = $2, {_SENT[kind]} = clock_timestamp(), updated_at = now(),
          invited_at = case when $3 then now() else invited_at end
        where id = $1
        """,
        user["id"],
        token.token_hash,
        invited,
    )
    await clear(connection, user["id"], kind)
    await connection.execute(
        """
        insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to, created_at, updated_at)
        values ($1, $2, $3::text::auth.one_time_token_type, $4, $5, now() at time zone 'utc', now() at time zone 'utc')
        """,
        uuid.uuid4(),
        user["id"],
        kind,
        token.token_hash,
        to.lower(),
    )
    return token


async def _find(
    connection: Connection, token_hash: str, kinds: tuple[Kind, ...]
) -> tuple[asyncpg.Record, Kind] | None:
    """The owner of the token, locked, and the kind of the token.

    When two requests use the same token at once, the second waits for the person's row. It then sees that row as the first
    left it, but auth.one_time_tokens as before, so the column has to match too.
    """
    found = await connection.fetchrow(
        """
        select u.*, t.token_type::text as token_type
        from auth.users u join auth.one_time_tokens t on t.user_id = u.id
        where t.token_hash = $1 and t.token_type::text = any ($2)
          and case t.token_type when 'recovery_token' then u.recovery_token
            when 'confirmation_token' then u.confirmation_token
            when 'email_change_token_current' then u.email_change_token_current
            when 'email_change_token_new' then u.email_change_token_new end = $1
        for update of u
        """,
        token_hash,
        list(kinds),
    )
    return None if found is None else (found, found["token_type"])


async def usable(
    connection: Connection,
    token_hash: str,
    kinds: tuple[Kind, ...],
    refused: str = "Email link is invalid or has expired",
) -> tuple[asyncpg.Record, Kind]:
    """The owner of the token, locked, and its kind. AuthError when it is unknown or expired, or its owner is banned."""
    found = await _find(connection, token_hash, kinds)
    if found is None:
        raise AuthError(403, "otp_expired", refused)
    user, kind = found
    banned_until: datetime | None = user["banned_until"]
    if banned_until is not None and banned_until > datetime.now(UTC):
        raise AuthError(403, "user_banned", "User is banned")
    sent_at: datetime | None = user[_SENT[kind]]
    if sent_at is None or sent_at + _LIFE[kind] < datetime.now(UTC):
        raise AuthError(403, "otp_expired", refused)
    return user, kind


async def clear(connection: Connection, user_id: uuid.UUID, *kinds: Kind) -> None:
    """Invalidate the person's tokens of these kinds; without kinds, all of them."""
    await connection.execute(
        """
        delete from auth.one_time_tokens
        where user_id = $1 and (token_type::text = any ($2::text[]) or $2::text[] = '{}')
        """,
        user_id,
        list(kinds),
    )
