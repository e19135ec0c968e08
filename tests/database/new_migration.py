"""`make migration NAME=…`: a new migration from what supabase/schemas/ says and the migrations do not give yet.

Functions, views, policies and triggers that changed, and new schemas, are written whole, in the order in which they are loaded. What to do with
rows cannot be read from two definitions: of a table the file shows, as comments, the lines that differ, and a person writes
the statements. tests/database/test_schemas.py decides whether the migration gets there.
"""

import asyncio
import datetime as dt
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from server.kernel.db import migrations
from tests.database.schemas import in_order, load
from tests.kernel.db.test_migrations import HOME, connected, running

Connection = asyncpg.Connection
# Each object's name, and everything that makes it what it is.
_OBJECTS = {
    "schema": f"select nspname::text, nspname::text from pg_namespace where nspname in {migrations.OURS}",
    "function": f"""select p.oid::regprocedure::text, concat_ws(e'\\n', pg_get_functiondef(p.oid), obj_description(p.oid, 'pg_proc'),
        (select string_agg(x::text, ' ' order by x::text) from unnest(proacl) x))
        from pg_proc p where pronamespace::regnamespace::text in {migrations.OURS}
        and not exists (select from pg_depend where objid = p.oid and deptype = 'e')""",
    "view": f"""select c.oid::regclass::text, concat_ws(e'\\n', pg_get_viewdef(c.oid, true), array_to_string(reloptions, ', '),
        obj_description(c.oid, 'pg_class'), (select string_agg(x::text, ' ' order by x::text) from unnest(relacl) x))
        from pg_class c where relkind = 'v' and relnamespace::regnamespace::text in {migrations.OURS}""",
    "policy": """select concat(polname, ' on ', polrelid::regclass), concat_ws(e'\\n', polcmd, polpermissive, polroles::regrole[],
        pg_get_expr(polqual, polrelid, true), pg_get_expr(polwithcheck, polrelid, true)) from pg_policy""",
    "trigger": """select concat(tgname, ' on ', tgrelid::regclass), pg_get_triggerdef(oid, true) from pg_trigger where not tgisinternal""",
}
_LINES = f"""select t.oid::regclass::text, line from pg_class t cross join lateral (
    select concat('column ', attname, ' ', format_type(atttypid, atttypmod), case when attnotnull then ' not null' end,
      ' ' || attgenerated::text || pg_get_expr(adbin, adrelid, true)) as line
      from pg_attribute left join pg_attrdef on (adrelid, adnum) = (attrelid, attnum)
      where attrelid = t.oid and attnum > 0 and not attisdropped
    union all select concat('constraint ', conname, ' ', pg_get_constraintdef(oid, true)) from pg_constraint where conrelid = t.oid
    union all select pg_get_indexdef(indexrelid, 0, true) from pg_index where indrelid = t.oid
    union all select pg_get_statisticsobjdef(oid) from pg_statistic_ext where stxrelid = t.oid
    union all select concat('options ', array(select unnest(t.reloptions) order by 1), ' rights ',
      (select string_agg(x::text, ' ' order by x::text) from unnest(t.relacl) x))) l
    where t.relkind = 'r' and t.relnamespace::regnamespace::text in {migrations.OURS}"""
_DROP = {
    "policy": "drop policy {};",
    "trigger": "drop trigger {};",
    "view": "drop view {};",
    "function": "drop function {};",
    "schema": "drop schema {};",
}


@dataclass(slots=True)
class Database:
    """What one of the two databases has."""

    objects: dict[str, dict[str, str]] = field(default_factory=dict)  # kind → name → definition
    tables: dict[str, set[str]] = field(default_factory=dict)  # name → lines


async def _read(connection: "Connection[asyncpg.Record]") -> Database:
    await connection.execute("set search_path = ''")
    found = Database()
    for kind, question in _OBJECTS.items():
        found.objects[kind] = {row[0]: row[1] for row in await connection.fetch(question)}
    for table, line in await connection.fetch(_LINES):
        found.tables.setdefault(table, set()).add(line)
    return found


def _statements(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Each schema, function, view, policy and trigger of the files: its kind, its name, and its text with comment and grants."""
    for path in in_order(folder):
        text = path.read_text()
        if path.parent.name == "functions":
            yield (
                "function",
                path.stem,
                re.sub(r"(?m)^create (function|procedure) ", r"create or replace \1 ", text),
            )
            continue
        for block in re.split(r"\n\n|(?<=;)\n(?=create trigger )", text):
            found = re.match(
                r"(?:--.*\n)*create (schema|policy|trigger|view) ([\w.]+)(?:\s[^;]*?\bon ([\w.]+))?", block
            )
            if found:
                kind, name, table = found.groups()
                yield kind, name if kind in ("schema", "view") else f"{name} on {table}", block.strip() + "\n"


def compose(history: Database, declared: Database, folder: Path) -> str:
    """The text of the migration; empty when there is nothing to do."""
    drops, texts, notes = [], [], []
    changed: dict[str, set[str]] = {}
    for kind in ("trigger", "policy", "view", "function", "schema"):
        before, now = history.objects[kind], declared.objects[kind]
        changed[kind] = {name for name in now if before.get(name) != now[name]}
        gone = before.keys() - now.keys()
        if kind != "function":  # functions are replaced
            gone |= changed[kind] & before.keys()
        drops += [_DROP[kind].format(name) for name in sorted(gone)]
    files = {name.partition("(")[0] for name in changed["function"]}
    for kind, name, text in _statements(folder):
        if name in (files if kind == "function" else changed[kind]):
            texts.append(text)
    for table in sorted(history.tables.keys() | declared.tables.keys()):
        was, shall = history.tables.get(table, set()), declared.tables.get(table, set())
        lines = [f"--   - {one}" for one in sorted(was - shall)]
        lines += [f"--   + {one}" for one in sorted(shall - was)]
        if lines:
            notes.append(
                "\n".join([f"-- {table}: was (-), shall be (+). Write what gets there.", *lines, ""])
            )
    return "\n".join([*notes, *drops, *([""] if drops else []), *texts])


async def write(name: str, folder: Path = migrations.FOLDER) -> Path | None:
    """The new file in the folder, of its schemas; None when the migrations give already what the schemas say."""
    with running(HOME) as old, running(HOME) as new:
        await migrations.migrate(old.url("postgres"))
        await load(new.url("postgres"), folder)
        async with connected(old) as owner:
            history = await _read(owner)
        async with connected(new) as owner:
            declared = await _read(owner)
    text = compose(history, declared, folder)
    if not text:
        return None
    last = max(int(path.name.partition("_")[0]) for path in (folder / "migrations").glob("*.sql"))
    number = max(int(dt.datetime.now(dt.UTC).strftime("%Y%m%d%H%M%S")), last + 1)
    path = folder / "migrations" / f"{number}_{name}.sql"
    path.write_text(f"-- Why: …\n\n{text}")
    return path


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if not re.fullmatch(r"[a-z][a-z0-9_]{2,60}", name):
        sys.exit("make migration NAME=what_changes: small letters, digits and _")
    path = asyncio.run(write(name))
    print(path or "The migrations give what supabase/schemas/ says: there is nothing to write.")


if __name__ == "__main__":
    main()
