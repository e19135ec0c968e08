"""Exports people to a hosted project: each is the body of a request to its admin API."""

import json
import os
from pathlib import Path

from server.errors import Conflict, Invalid
from server.kernel import db
from server.kernel.db import migrations

# With their ids, so that rows that refer to them stay valid. Deleted people are left out.
_PEOPLE = """
select (
  jsonb_build_object('id', a.id, 'email', a.email, 'email_confirm', a.email_confirmed_at is not null,
    'app_metadata', coalesce(a.raw_app_meta_data, '{}'), 'user_metadata', coalesce(a.raw_user_meta_data, '{}'))
  || case when a.encrypted_password <> '' then jsonb_build_object('password_hash', a.encrypted_password) else '{}' end
  || case when a.role not in ('', 'authenticated') then jsonb_build_object('role', a.role) else '{}' end
  || case when ban.ends > now() then jsonb_build_object('ban_duration',
       ceil(extract(epoch from ban.ends - now()))::bigint || 's') else '{}' end
)::text
from auth.users a
left join public.users p on p.id = a.id
cross join (select now() + interval '100 years' as moment) as never
cross join lateral (select case when p.deactivated_at is not null or a.banned_until > never.moment
  then never.moment else a.banned_until end as ends) as ban
where a.deleted_at is null and a.email <> ''
order by a.created_at, a.id
"""


async def export(owner_url: str) -> list[str]:
    """All people who may sign in, now or after a ban: one line of JSON each."""
    async with db.as_owner(owner_url) as owner:
        if await owner.fetchval("select to_regclass('public.users') is null"):
            raise Invalid("the database has no schema yet, so there are no people to export")
        return [row[0] for row in await owner.fetch(_PEOPLE)]


def write(file: Path, lines: list[str]) -> None:
    """Write a new file that only its owner may read. It is removed again when it cannot be completed."""
    try:
        out = os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8")
    except FileExistsError:
        raise Conflict(f"{file} exists already: name another file") from None
    except OSError as error:
        raise Invalid(f"{file} cannot be written ({error.strerror or error})") from error
    try:
        with out:
            out.writelines(f"{line}\n" for line in lines)
    except OSError as error:
        file.unlink(missing_ok=True)
        raise Invalid(f"{file} cannot be written ({error.strerror or error})") from error


def summary(lines: list[str]) -> str:
    """How many people there are, and which of them have the published password."""
    people, known = [json.loads(line) for line in lines], migrations.sample_password_hash()
    samples = [person["email"] for person in people if person.get("password_hash") == known]
    warning = f"; leave out {', '.join(samples)}: their password is in the README" if samples else ""
    return f"{len(people)} people{warning}"
