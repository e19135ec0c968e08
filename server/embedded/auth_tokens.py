"""The table auth.one_time_tokens and the columns of auth.users beside it: what makes a link work, once."""

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import asyncpg

from server.embedded.auth_database import Connection
from server.embedded.auth_errors import AuthError

Kind = Literal["recovery_token", "confirmation_token"]
_SENT = {"recovery_token": "recovery_sent_at", "confirmation_token": "confirmation_sent_at"}
# As a hosted project begins (an hour), and as Supabase Auth begins by itself (a day): who is invited reads mail tomorrow.
_LIFE = {"recovery_token": timedelta(hours=1), "confirmation_token": timedelta(hours=24)}
_PAUSE = timedelta(seconds=60)
# The hash is made of the address and this code alone, so the code is what has to be guessed: six digits, as a
# project begins with, are soon tried. Ten are the most that Supabase Auth can be told to use.
_DIGITS = 10


@dataclass(frozen=True, slots=True)
class OneTimeToken:
    """What the mail or the administrator gets; only the hash is kept."""

    code: str
    token_hash: str


def digest(email: str, code: str) -> str:
    """The hash as the real server makes it."""
    return hashlib.sha224((email + code).encode()).hexdigest()


def check_pause(sent_at: datetime | None) -> None:
    """Refuse a second mail of a kind to the same person within a minute."""
    left = _PAUSE - (datetime.now(UTC) - sent_at) if sent_at else timedelta()
    if left > timedelta():
        message = f"For security purposes, you can only request this after {left.seconds} seconds."
        raise AuthError(429, "over_email_send_rate_limit", message)


async def issue(
    connection: Connection, user: asyncpg.Record, kind: Kind, *, invited: bool = False
) -> OneTimeToken:
    """A new token; the one before it, if any, is worth nothing from now on."""
    code = f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}}"
    token = OneTimeToken(code, digest(user["email"], code))
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
    await connection.execute(
        "delete from auth.one_time_tokens where token_type = $2::text::auth.one_time_token_type and user_id = $1",
        user["id"],
        kind,
    )
    await connection.execute(
        """
        insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to, created_at, updated_at)
        values ($1, $2, $3::text::auth.one_time_token_type, $4, $5, now() at time zone 'utc', now() at time zone 'utc')
        """,
        uuid.uuid4(),
        user["id"],
        kind,
        token.token_hash,
        user["email"].lower(),
    )
    return token


async def find(
    connection: Connection, token_hash: str, kinds: tuple[Kind, ...]
) -> tuple[asyncpg.Record, Kind] | None:
    """Whose token this is, locked, and of which kind.

    Of two who come with the same token at once, the second waits for the row of the person. It then sees that row as
    the first one left it, but auth.one_time_tokens as it was before: so the column has to agree.
    """
    found = await connection.fetchrow(
        """
        select u.*, t.token_type::text as token_type
        from auth.users u join auth.one_time_tokens t on t.user_id = u.id
        where t.token_hash = $1 and t.token_type::text = any ($2)
          and case t.token_type when 'recovery_token' then u.recovery_token else u.confirmation_token end = $1
        for update of u
        """,
        token_hash,
        list(kinds),
    )
    return None if found is None else (found, found["token_type"])


def is_expired(user: asyncpg.Record, kind: Kind) -> bool:
    sent_at: datetime | None = user[_SENT[kind]]
    return sent_at is None or sent_at + _LIFE[kind] < datetime.now(UTC)


async def clear(connection: Connection, user_id: uuid.UUID) -> None:
    """Make everything that was sent to a person worthless."""
    await connection.execute("delete from auth.one_time_tokens where user_id = $1", user_id)
