"""The database as the web process uses it: its role, the roles that it switches to, and the rows that it must not see."""

import time

from server.cli.context import Context
from server.cli.doctor import clocks
from server.cli.doctor.findings import SECONDS, Finding, Findings, right, wrong
from server.errors import Forbidden, RequestError
from server.kernel import db
from server.kernel.db import Connection, Record, migrations

_OLDEST = 15  # of PostgreSQL
_ROLE = "floorwalker_web"
_BECOMES = ("authenticated", "agent_runtime")
_SELF = """
select current_setting('server_version') as version, current_setting('server_version_num')::integer / 10000 as major,
  session_user::text as role, r.rolsuper as super, r.rolbypassrls as bypasses, to_regnamespace('private') is not null as has_schema,
  exists (select from pg_catalog.pg_shdepend d
    where d.refclassid = 'pg_catalog.pg_authid'::regclass and d.refobjid = r.oid and d.deptype = 'o') as owns,
  array(select m.roleid::regrole::text from pg_catalog.pg_auth_members m where m.member = r.oid order by 1) as member_of
from pg_catalog.pg_roles r where r.rolname = session_user
"""
_OPEN = f"""
select n.nspname || '.' || c.relname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname in {migrations.OURS} and c.relkind in ('r', 'p', 'v', 'm')
  and has_table_privilege(c.oid, 'select, insert, update, delete') order by 1
"""
_TABLES = """
select c.relname::text as name, c.relrowsecurity as guarded
from pg_catalog.pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
  and not exists (select from pg_catalog.pg_depend d where d.objid = c.oid and d.deptype = 'e') order by 1
"""

_OPEN_VIEWS = f"""
select n.nspname || '.' || c.relname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname in {migrations.OURS} and c.relkind = 'v'
  and not exists (select from pg_catalog.pg_depend d where d.objid = c.oid and d.deptype = 'e')
  and not coalesce((select o.option_value::boolean from pg_catalog.pg_options_to_table(c.reloptions) o
    where o.option_name = 'security_invoker'), false) order by 1
"""


async def check(context: Context) -> Findings:
    """Everything that DATABASE_URL leads to."""
    url = context.settings.database_url
    if url is None:
        return
    async with db.visit("DATABASE_URL", url, SECONDS) as connection:
        row = await connection.fetchrow(_SELF)
        assert row is not None
        yield _version(row, url)
        yield await _clock(connection)
        for finding in _role(row):
            yield finding
        if not row["has_schema"]:
            yield wrong("the database has no schema yet: run `floorwalker migrate`")
            return
        yield await _becoming(connection, row["role"])
        yield await _without_viewer(connection, row["role"])
        yield _guarded(await connection.fetch(_TABLES))
        yield _invoked([row[0] for row in await connection.fetch(_OPEN_VIEWS)])


def _version(row: Record, url: str) -> Finding:
    if row["major"] < _OLDEST:
        return wrong(
            f"the database is PostgreSQL {row['version']}, and {_OLDEST} is the oldest that Floorwalker runs on: upgrade it"
        )
    return right(f"the database (PostgreSQL {row['version']}) answers at {db.where(url)}")


async def _clock(connection: Connection) -> Finding:
    asked = time.time()
    shown = float(await connection.fetchval("select extract(epoch from clock_timestamp())"))
    return clocks.judged("the database's", clocks.ahead(asked, time.time(), shown, shown))


def _role(row: Record) -> list[Finding]:
    role = row["role"]
    if role != _ROLE:
        what = (
            ", a superuser,"
            if row["super"]
            else ", which bypasses row-level security,"
            if row["bypasses"]
            else ""
        )
        return [
            wrong(
                f"the web process signs in (DATABASE_URL) as {role}{what} and not as {_ROLE}, which owns nothing and sees nothing by "
                f"itself: give that one a password (`floorwalker psql -c '\\password {_ROLE}'`) and use it"
            )
        ]
    more = sorted(set(row["member_of"]) - set(_BECOMES))
    faults = {
        "is a superuser": (row["super"], "nosuperuser"),
        "bypasses row-level security": (row["bypasses"], "nobypassrls"),
    }
    found = [
        wrong(f"{role} {what}: take that away with `alter role {role} {cure}`, as the role that gave it")
        for what, (is_so, cure) in faults.items()
        if is_so
    ]
    if row["owns"]:
        found.append(
            wrong(
                f"{role} owns something in the database: give it to the owner (`reassign owned by {role} to …`)"
            )
        )
    if more:
        found.append(wrong(f"{role} may become {', '.join(more)}: `revoke {', '.join(more)} from {role}`"))
    return found or [
        right(f"the web process signs in as {role}, which owns nothing and has no rights of its own")
    ]


async def _becoming(connection: Connection, role: str) -> Finding:
    refused = []
    for wanted in _BECOMES:
        try:
            with db.translated_errors():
                async with connection.transaction():
                    await connection.execute(f"set local role {wanted}")
        except RequestError:
            refused.append(wanted)
    if refused:
        names = ", ".join(refused)
        return wrong(
            f"{role} cannot become {names}, as each request does: run `floorwalker migrate`, "
            f"or `grant {names} to {role}` as the owner"
        )
    return right(f"{role} becomes {' and '.join(_BECOMES)} for a request")


async def _without_viewer(connection: Connection, role: str) -> Finding:
    """One table is read; the privileges of all are looked up."""
    try:
        with db.translated_errors():
            await connection.execute("select from public.users limit 1")
        seen = ["public.users"]
    except Forbidden:
        seen = [row[0] for row in await connection.fetch(_OPEN)]
    if seen:
        names = ", ".join(seen[:3]) + (f" and {len(seen) - 3} more" if len(seen) > 3 else "")
        return wrong(
            f"{role} sees {names} without a viewer, where row-level security could be forgotten: "
            f"use {_ROLE}, and revoke what was granted to it"
        )
    return right("without a viewer, every table is refused")


def _guarded(tables: list[Record]) -> Finding:
    bare = [row["name"] for row in tables if not row["guarded"]]
    if bare:
        return wrong(
            f"row-level security is off for public.{', public.'.join(bare)}: "
            f"`alter table public.{bare[0]} enable row level security`, or move it to another schema"
        )
    return right(f"row-level security is on for all {len(tables)} tables of public")


def _invoked(views: list[str]) -> Finding:
    """Checked because a view loses this option when it is created again from its definition alone."""
    if views:
        cure = "; ".join(f"alter view {name} set (security_invoker = true)" for name in views[:3])
        return wrong(
            f"{', '.join(views)} {'shows' if len(views) == 1 else 'show'} rows past row-level security: `{cure}`"
        )
    return right("every view applies the row-level security of its reader")
