"""Checks that need the owner of the database: the schema's version, the admins, and logins that the triggers refused."""

import httpx

from server.cli.context import Context
from server.cli.doctor.findings import SECONDS, Finding, Findings, doubtful, right, wrong
from server.errors import RequestError
from server.kernel import db
from server.kernel.auth import SecretKeys, Unopened
from server.kernel.db import Connection, Record, migrations
from server.kernel.http import loopback

_DAYS = 7  # days for which a failed login is reported
_SAME = """
select concat(oid, ' ', pg_catalog.pg_postmaster_start_time()) from pg_catalog.pg_database where datname = current_database()
"""
_SELF = """
select current_user::text as role, to_regclass('public.users') is not null as has_schema,
  has_schema_privilege('public', 'create') and has_database_privilege(current_database(), 'create')
    and coalesce((select pg_has_role(c.relowner, 'usage') from pg_catalog.pg_class c where c.oid = to_regclass('public.users')), true)
    as may_migrate,
  case when pg_catalog.has_schema_privilege(to_regnamespace('supabase_migrations'), 'usage')
    then to_regclass('supabase_migrations.schema_migrations') is not null end as has_versions
"""
_ADMINS = """
select count(*) filter (where a.email_confirmed_at is not null) as present,
  count(*) filter (where a.email_confirmed_at is null) as invited
from public.users u join auth.users a on a.id = u.id
where u.role = 'admin' and u.deactivated_at is null and (u.banned_until is null or u.banned_until <= now())
"""
_FAULTS = f"""
select count(*) as times, (array_agg(f.reason order by f.id desc))[1] as last, (array_agg(a.email order by f.id desc))[1] as whose
from private.profile_faults f join auth.users a on a.id = f.user_id
where f.created_at > now() - interval '{_DAYS} days'
"""
_HAS_SEALED = """
select exists (select from pg_catalog.pg_attribute where attrelid = to_regclass('public.agent_tools') and attname = 'sealed_secret')
"""
_SEALED = """
select t.sealed_secret, t.tool_name, a.name from public.agent_tools t join public.agents a on a.id = t.agent_id
where t.sealed_secret is not null order by a.name, t.tool_name
"""
_SAMPLES = """
select array(select a.email::text from auth.users a where a.encrypted_password = $1 and a.deleted_at is null
  and (a.banned_until is null or a.banned_until <= now()) order by 1)
"""


async def check(context: Context) -> Findings:
    """Everything that DATABASE_OWNER_URL leads to, or without it DATABASE_URL."""
    settings = context.settings
    if settings.database_owner_url is None and settings.database_url is None:
        return
    name = context.owner_setting
    async with db.visit(name, context.owner_url, SECONDS) as owner:
        row = await owner.fetchrow(_SELF)
        assert row is not None
        if not row["may_migrate"]:
            yield _unable(row, given=settings.database_owner_url is not None)
            return
        yield right(f"the owner, {row['role']}, may migrate")
        if settings.database_url is not None and settings.database_url != context.owner_url:
            finding = await _same(context, owner)
            if finding is not None:
                yield finding
        if not row["has_schema"]:
            return  # reported by the check of the web process
        for finding in await _versions(owner, row):
            yield finding
        yield await _triggers(owner)
        async for finding in _people(context, owner):
            yield finding
        for finding in await _secrets_of_tools(context, owner):
            yield finding


def _unable(row: Record, *, given: bool) -> Finding:
    if given:
        return wrong(
            f"DATABASE_OWNER_URL signs in as {row['role']}, which may not change the schema: use the project's postgres role"
        )
    return doubtful(
        "DATABASE_OWNER_URL is not set, so it cannot be checked whether the schema is up to date, an admin exists, or a "
        "login failed to become a person; migrate, backup and create-admin need it as well"
    )


async def _same(context: Context, owner: Connection) -> Finding | None:
    url = context.settings.database_url
    assert url is not None
    try:
        async with db.visit("DATABASE_URL", url, SECONDS) as web:
            other = await web.fetchval(_SAME)
    except RequestError:
        return None  # reported by another check
    if other == await owner.fetchval(_SAME):
        return right("the owner and the web process use the same database")
    return wrong(
        f"DATABASE_OWNER_URL ({db.where(context.owner_url)}) is another database than DATABASE_URL ({db.where(url)}): "
        "set both to the project's database"
    )


async def _versions(owner: Connection, row: Record) -> list[Finding]:
    applied = set()
    if row["has_versions"]:
        applied = {
            version[0]
            for version in await owner.fetch("select version from supabase_migrations.schema_migrations")
        }
    known = migrations.versions()
    found = []
    if missing := sorted(known - applied):
        found.append(
            wrong(f"migrations are missing ({len(missing)}, {missing[0]} first): run `floorwalker migrate`")
        )
    if newer := sorted(version for version in applied - known if version > max(known)):
        found.append(
            wrong(f"the database is newer than this Floorwalker (it has {newer[-1]}): update the program")
        )
    return found or [right(f"the schema is up to date ({max(known)})")]


async def _triggers(owner: Connection) -> Finding:
    if await migrations.has_triggers(owner):
        return right("logins become people by the triggers on auth.users")
    return wrong(
        "auth.users lacks a trigger of Floorwalker, so new logins get no role here: "
        "make it again, or enable it, as in supabase/migrations/20261101000200_users.sql"
    )


async def _secrets_of_tools(context: Context, owner: Connection) -> list[Finding]:
    """What SECRET_KEY cannot decrypt. It stops nothing but the tools themselves."""
    if context.settings.secret_key is None or not await owner.fetchval(_HAS_SEALED):
        return []
    keys, lost = SecretKeys(context.settings.secret_key.get_secret_value()), []
    rows = await owner.fetch(_SEALED)
    for row in rows:
        try:
            keys.unseal(row["sealed_secret"])
        except Unopened:
            lost.append(f"{row['tool_name']} of {row['name']}")
    if not rows:
        return []
    if not lost:
        return [right("SECRET_KEY decrypts the secrets of tools")]
    return [
        doubtful(
            f"SECRET_KEY does not decrypt the secrets of some tools ({len(lost)}), first {lost[0]}: enter them again on the "
            "pages of the tools, or add the key from before to SECRET_KEY"
        )
    ]


async def _people(context: Context, owner: Connection) -> Findings:
    admins = await owner.fetchrow(_ADMINS)
    assert admins is not None
    if admins["present"]:
        yield right(
            f"there {'is one admin' if admins['present'] == 1 else 'are ' + str(admins['present']) + ' admins'}"
        )
    elif admins["invited"]:
        yield doubtful(
            "an admin is invited and has not used the link yet: run `floorwalker create-admin` if they do not"
        )
    else:
        yield wrong("there is no admin: run `floorwalker create-admin`")
    faults = await owner.fetchrow(_FAULTS)
    assert faults is not None
    if faults["times"]:
        yield doubtful(
            f"of the last {_DAYS} days' logins, some could not become people ({faults['times']}), last {faults['whose']}: "
            f"{faults['last']}; correct the app metadata, and see the system page"
        )
    else:
        yield right(f"every login of the last {_DAYS} days became a person")
    if context.home is None or not loopback(context.settings):
        samples = await owner.fetchval(_SAMPLES, migrations.sample_password_hash())
        if samples:
            yield wrong(
                f"anybody who knows the published password can sign in as {', '.join(samples)}: give them other passwords, or ban them"
            )
    if context.home is None:
        finding = await _same_project(context, owner)
        if finding is not None:
            yield finding


async def _same_project(context: Context, owner: Connection) -> Finding | None:
    """Whether the newest login of the Auth server is in this database; None when the server does not answer."""
    settings = context.settings
    if settings.supabase_url is None or settings.supabase_secret_key is None:
        return None
    secret = settings.supabase_secret_key.get_secret_value()
    try:
        async with context.auth_http(SECONDS) as http:
            answer = await http.get(
                f"{settings.auth_url}/admin/users",
                params={"page": "1", "per_page": "1"},
                headers={"apikey": secret, "Authorization": f"Bearer {secret}"},
            )
        answer.raise_for_status()
        ids = [user["id"] for user in answer.json()["users"]]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError):
        return None  # reported by another check
    if not ids:
        return None
    known = await owner.fetchval("select count(*) from auth.users where id = any ($1::text[]::uuid[])", ids)
    if known == len(ids):
        return right("SUPABASE_URL and the database are of one project")
    return wrong(
        f"SUPABASE_URL ({settings.supabase_url}) and the database ({db.where(context.owner_url)}) are of two projects: "
        "a login of the one is unknown to the other"
    )
