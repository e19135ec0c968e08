"""Every cell of matrix.py: each actor's select, insert, update and delete on every table, as their real role."""

from typing import TypeAlias

import pytest

from server.kernel.db import migrations
from tests.app_server import AppServer
from tests.database.fates import ACTORS, CLOSED, EVERYBODY, FATES
from tests.database.matrix import TABLES, VIEWS, Cell, cells
from tests.database.sample import ROLES, Sample, outcome

Columns: TypeAlias = dict[str, dict[str, str]]  # table → column → "" or what a statement may write there
Grants: TypeAlias = set[tuple[str, str, str, str]]
OURS = str(migrations.OURS)  # as SQL has a list of texts


@pytest.fixture(scope="session")
async def columns(app_server: AppServer) -> Columns:
    """Every column of every table and view, and whether it takes only its default."""
    async with app_server.database() as owner:
        rows = await owner.fetch(f"""
            select c.relnamespace::regnamespace || '.' || c.relname as name, a.attname,
              case when a.attgenerated <> '' or a.attidentity = 'a' then 'default' else a.attname end as itself
            from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
            where c.relnamespace::regnamespace::text in {OURS} and c.relkind in ('r', 'p', 'v', 'm', 'f')""")
    found: Columns = {}
    for row in rows:
        found.setdefault(row["name"], {})[row["attname"]] = row["itself"]
    return found


@pytest.fixture(scope="session")
async def grants(app_server: AppServer) -> Grants:
    """(role, table, column, verb) for each column that a role may select, insert or update, and (…, "", delete)."""
    async with app_server.database() as owner:
        rows = await owner.fetch(
            f"""select r, c.relnamespace::regnamespace || '.' || c.relname, a.attname, v
            from unnest($1::text[]) r, pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped,
              unnest('{{select,insert,update}}'::text[]) v
            where c.relnamespace::regnamespace::text in {OURS} and c.relkind in ('r', 'p', 'v', 'm', 'f')
              and has_column_privilege(r, c.oid, a.attnum, v)
            union all
            select r, c.relnamespace::regnamespace || '.' || c.relname, '', v
            from unnest($1::text[]) r, pg_class c, unnest('{{delete,truncate,trigger,references}}'::text[]) v
            where c.relnamespace::regnamespace::text in {OURS} and c.relkind in ('r', 'p', 'v', 'm', 'f')
              and has_table_privilege(r, c.oid, v)""",
            sorted(set(ROLES.values())),
        )
    return {tuple(row) for row in rows}


def statement(cell: Cell, columns: Columns) -> str:
    """What the cell tries; {names} are still to be filled in."""
    table = TABLES[cell.table]
    group = table.groups.get(cell.group, "").split()
    if cell.verb == "select":
        return f"select {', '.join(group)} from {cell.table} where {table.rows}"
    if cell.verb == "insert":
        row = table.new | {column: "default" for column in group if column not in table.new}
        return f"insert into {cell.table} ({', '.join(row)}) values ({', '.join(row.values())})"
    if cell.verb == "update":
        same = ", ".join(f"{column} = {columns[cell.table][column]}" for column in group)
        return f"update {cell.table} set {table.change.get(cell.group, same)} where {table.rows}"
    return f"delete from {cell.table} where {table.rows}"


@pytest.mark.parametrize("cell", cells(), ids=str)
async def test_cell(sample: Sample, columns: Columns, grants: Grants, cell: Cell) -> None:
    async with sample.being(cell.actor) as connection:
        if cell.verb == "insert" and TABLES[cell.table].first:
            await outcome(connection, sample.sql(TABLES[cell.table].first, cell.actor))
        assert await outcome(connection, sample.sql(statement(cell, columns), cell.actor)) == cell.fate
    if cell.fate == "refused":
        group = TABLES[cell.table].groups.get(cell.group, "").split() or [""]
        role = ROLES[cell.actor]
        assert not {(role, cell.table, column, cell.verb) for column in group} & grants


def test_the_matrix_has_every_table_and_every_column_once(columns: Columns) -> None:
    placed = {name: sorted(" ".join(table.groups.values()).split()) for name, table in TABLES.items()}
    assert placed == {name: sorted(found) for name, found in columns.items()}


async def test_the_matrix_knows_which_are_views(app_server: AppServer) -> None:
    async with app_server.database() as owner:
        rows = await owner.fetch(f"""
            select relnamespace::regnamespace || '.' || relname from pg_class where relkind in ('v', 'm')
              and relnamespace::regnamespace::text in {OURS}""")
    assert {row[0] for row in rows} == VIEWS


@pytest.mark.parametrize("name", TABLES)
def test_the_matrix_uses_its_own_words(name: str) -> None:
    table = TABLES[name]
    headings = {heading for words in table.fates.values() for heading in words}
    known = {f"{verb}.{group}" for verb in ("select", "insert", "update") for group in table.groups}
    words = {word for row in table.fates.values() for word in row.values()}
    assert headings <= known | {"select", "insert", "update", "delete"}
    assert words <= set(FATES)
    assert set(table.fates) <= set(EVERYBODY) == set(CLOSED) == set(ACTORS)
    assert set(table.change) <= set(table.groups)


def test_nobody_truncates_or_hangs_triggers_on_a_table(grants: Grants) -> None:
    assert not [grant for grant in grants if grant[3] in ("truncate", "trigger", "references")]
