"""The sample people, whose password is published. They sign in only where this machine alone reaches the server.

Where other machines reach the server, its Auth service refuses that password at each sign-in, even if it is in the database:
another server of the home or a restored backup may have put it there. It is also removed from the database, with the sessions.
"""

import asyncio
from uuid import UUID

from server.embedded import password_hashes
from server.kernel import db
from server.kernel.db import migrations

PASSWORD = "floorwalker"  # noqa: S105 - published in the README
REPLAYED = "@replay.example.com"  # the end of the addresses of a replay's supervisors
_IDS = "10000000-0000-4000-8000-"  # the beginning of the ids in supabase/seed.sql
_SAMPLES = f"id::text like '{_IDS}%'"
_CANDIDATES = f"""
select id, encrypted_password from auth.users
where encrypted_password <> '' and ({_SAMPLES} or email like '%' || $1 or encrypted_password = $2)
"""
_ADMIN = """
select exists (select from public.users u join auth.users a using (id)
  where u.role = 'admin' and u.deactivated_at is null and (u.banned_until is null or u.banned_until <= now())
    and a.encrypted_password not in ('', $1))
"""


async def settle(owner_url: str, *, alone: bool, demo: bool) -> None:
    """Add missing sample people and agents, and let them sign in or not; called before the server listens.

    `alone`: only this machine reaches the server. Otherwise everyone with the published password loses it, and their sessions.
    Sample people get it back when the server listens on this machine alone again, unless they have another password. A server
    that others reach gets sample people only for the demo: without it, the home of a real contact centre begins empty.
    """
    if alone or demo:
        await migrations.seed(owner_url, passwords=alone)
    if not alone:
        await disarm(owner_url)
        return
    async with db.as_owner(owner_url) as owner:
        await owner.execute(
            f"update auth.users set encrypted_password = $1 where {_SAMPLES} and encrypted_password = ''",
            migrations.sample_password_hash(),
        )


async def disarm(owner_url: str) -> None:
    """Remove the published password from all who have it, and end their sessions."""
    async with db.as_owner(owner_url) as owner:
        known = migrations.sample_password_hash()
        candidates = await owner.fetch(_CANDIDATES, REPLAYED, known)
        ids = [one["id"] for one in candidates if await _is_published(one["encrypted_password"])]
        await owner.execute("update auth.users set encrypted_password = '' where id = any ($1::uuid[])", ids)
        await owner.execute("delete from auth.sessions where user_id = any ($1::uuid[])", ids)
        await owner.execute("delete from private.web_sessions where user_id = any ($1::uuid[])", ids)


def has_published_password(person: UUID, email: str, password: str) -> bool:
    """Whether this is one of the sample people, with the published password."""
    return password == PASSWORD and (str(person).startswith(_IDS) or email.endswith(REPLAYED))


async def _is_published(kept: str) -> bool:
    try:
        return await asyncio.to_thread(password_hashes.checker(kept), PASSWORD.encode())
    except ValueError:  # not the hash of a password
        return False


async def has_admin(owner_url: str) -> bool:
    """Whether there is an active admin whose password is not the published one."""
    async with db.as_owner(owner_url) as owner:
        return bool(await owner.fetchval(_ADMIN, migrations.sample_password_hash()))
