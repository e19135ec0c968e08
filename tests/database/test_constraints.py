"""A statement that breaks a constraint is refused with the constraint's sentence; each is broken once."""

import pytest

from server.errors import Conflict, Invalid, RequestError, Unavailable
from server.kernel.db import connections as db
from tests.app_server import AppServer
from tests.database.constraints import TABLES
from tests.database.sample import Sample

# Without these columns, another constraint on fewer of them would always be violated first.
SHADOWED = {
    "push_subscriptions_user_id_fkey": "push_subscriptions_session_id_fkey",
    "agents_owner_and_type": "agents_pkey",
    "interactions_owner": "interactions_pkey",
    "users_id_type": "users_pkey",
}

# All of them but not-null, whose message names the column.
DECLARED = """
select conrelid::regclass::text as table, conname::text as name from pg_constraint
where contype in ('p', 'u', 'f', 'c', 'x') and connamespace in ('public'::regnamespace, 'private'::regnamespace) and conrelid <> 0
union select indrelid::regclass::text, c.relname from pg_index join pg_class c on c.oid = indexrelid
where indisunique and c.relnamespace in ('public'::regnamespace, 'private'::regnamespace)
"""
SENTENCES = """
select conname::text as name, contype = 'c' as is_check, obj_description(oid, 'pg_constraint') as sentence from pg_constraint
where connamespace in ('public'::regnamespace, 'private'::regnamespace) and conrelid <> 0
union all select c.relname, false, obj_description(c.oid, 'pg_class') from pg_class c join pg_index on indexrelid = c.oid
where indisunique and c.relnamespace in ('public'::regnamespace, 'private'::regnamespace) and not exists (select from pg_constraint where conindid = c.oid)
"""
COLUMNS = """
select string_agg(quote_ident(attname), ', ') from pg_attribute
where attrelid = $1::text::regclass and attnum > 0 and not attisdropped and attgenerated = ''
"""


async def test_each_constraint_and_unique_index_is_broken_here(app_server: AppServer) -> None:
    async with app_server.database() as owner:
        await owner.execute("set search_path = ''")
        declared = {(table, name) for table, name in await owner.fetch(DECLARED)}
    assert declared == {
        (name, constraint) for name, table in TABLES.items() for constraint in table.broken_by
    }


@pytest.mark.parametrize("name", TABLES)
async def test_who_breaks_a_constraint_is_told_what_it_demands(
    sample: Sample, app_server: AppServer, name: str
) -> None:
    async with app_server.database() as owner:
        sentences = {row["name"]: row for row in await owner.fetch(SENTENCES)}
        columns = await owner.fetchval(COLUMNS, name)
    told = {}
    for constraint, change in TABLES[name].broken_by.items():
        with pytest.raises(RequestError) as refused:
            await run(app_server, statements(sample, name, constraint, change, columns))
        told[constraint] = type(refused.value), refused.value.detail
    assert told == {
        constraint: (
            Invalid if sentences[constraint]["is_check"] else Conflict,
            sentences[constraint]["sentence"],
        )
        for constraint in told
    }


def statements(sample: Sample, name: str, constraint: str, change: str, columns: str) -> str:
    """Copy a row of the table, change the copy, and insert it with only this constraint in force."""
    table = TABLES[name]
    names = {word: f"'{text}'" for word, text in sample.names.items()}
    shadow = SHADOWED.get(constraint)
    return ";\n".join(
        [
            f"alter table {name} disable trigger user",
            table.first.format(**names),
            f"create temp table copied on commit drop as select {columns} from {name} where {table.row.format(**names)} limit 1",
            f"update copied set {change.format(**names)}",
            f"alter table {name} drop constraint {shadow} cascade" if shadow else "",
            f"insert into {name} ({columns}) overriding system value select {columns} from copied",
        ]
    )


async def run(app_server: AppServer, statements: str) -> None:
    """Run them; again where a lock of the server's own work was in the way, as the sentence says."""
    for last in (False, False, True):
        try:
            async with db.as_owner(app_server.database_url()) as owner:
                await owner.execute(statements)
            return
        except Unavailable:
            if last:
                raise
