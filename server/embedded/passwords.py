"""Passwords as Supabase Auth stores them: bcrypt, cost 10, computed in a thread because it takes 50 ms."""

import asyncio

import bcrypt

from server.embedded import password_hashes
from server.embedded.auth_errors import AuthError

_COST = 10
_SHORTEST, _LONGEST = 6, 72  # characters at least; bytes at most, because bcrypt reads no more
# A hash that is checked where there is none, so that an unknown address takes as long as a wrong password.
_PLACEHOLDER = "$2b$10$xLQKqdNUnOesXVkuYvG/JesU0YSMpexhJBis.1r9SapbOImsR6HaC"


def check(password: str) -> None:
    """Raise AuthError for a password that Supabase Auth would refuse."""
    if len(password) < _SHORTEST:
        raise AuthError(
            422,
            "weak_password",
            f"Password should be at least {_SHORTEST} characters.",
            weak_password={"reasons": ["length"]},
        )
    if len(password.encode()) > _LONGEST or "\0" in password:
        raise AuthError(400, "validation_failed", f"Password cannot be longer than {_LONGEST} characters")


async def hashed(password: str) -> str:
    salt = bcrypt.gensalt(_COST)
    return (await asyncio.to_thread(bcrypt.hashpw, password.encode(), salt)).decode()


def is_hash(given: str) -> bool:
    """Whether a password can be checked against this hash."""
    try:
        password_hashes.checker(given)
    except ValueError:
        return False
    return True


async def matches(password: str, kept: str | None) -> bool:
    """Whether this is the password. An account without a password takes as long as a wrong one."""
    known = kept if kept and is_hash(kept) else None
    check = password_hashes.checker(known or _PLACEHOLDER)
    try:
        same = await asyncio.to_thread(check, password.encode())
    except ValueError:  # longer than bcrypt reads, or not text
        return False
    return same and known is not None
