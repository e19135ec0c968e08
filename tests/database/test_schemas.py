"""supabase/schemas/ says what the database is: loaded into an empty one, it gives what the migrations give."""

import shutil

import pytest

from server.embedded.postgres import Postgres
from server.kernel.db import migrations
from tests.catalogue import Catalogue, catalogue, differences
from tests.conftest import a_folder
from tests.database import new_migration
from tests.database.schemas import in_order, load
from tests.kernel.db.test_migrations import HOME, connected, running

HISTORY = "supabase_migrations"  # what was applied: only a database with migrations has it


def test_every_file_of_it_is_named_once() -> None:
    assert sorted(in_order()) == sorted((migrations.FOLDER / "schemas").rglob("*.sql"))


def test_a_function_has_a_file_of_its_name() -> None:
    for path in (migrations.FOLDER / "schemas" / "functions").glob("*.sql"):
        made = [line for line in path.read_text().splitlines() if line.startswith("create ")]
        assert made
        assert all(f" {path.stem}(" in line for line in made), path.name


async def catalogue_of(postgres: Postgres) -> Catalogue:
    async with connected(postgres) as owner:
        found = await catalogue(owner)
    return {what: [one for one in lines if HISTORY not in one] for what, lines in found.items()}


async def schemas_of(postgres: Postgres) -> set[str]:
    async with connected(postgres) as owner:
        rows = await owner.fetch("select nspname from pg_namespace where nspname !~ '^pg_'")
    return {row["nspname"] for row in rows}


async def test_it_gives_the_same_catalogue_as_the_migrations() -> None:
    with running(HOME) as migrated, running(HOME) as declared:
        before = await schemas_of(migrated)
        await migrations.migrate(migrated.url("postgres"))
        made = await schemas_of(migrated) - before
        assert made | {"public"} == set(migrations.SCHEMAS), "a backup holds what migrations make"
        await load(declared.url("postgres"))
        assert not differences(await catalogue_of(migrated), await catalogue_of(declared))


ONE = """create function public.one() returns integer
language sql
set search_path = pg_catalog, pg_temp
as $$
  select 1
$$;
comment on function public.one() is
  'One.';
grant execute on function public.one() to authenticated;
"""
CHANGES = [  # file, what stands there, what shall stand there
    ("functions/private.viewer_role.sql", "language plpgsql stable", "language plpgsql stable cost 7"),
    ("tables/public.saved_views.rules.sql", "create policy", "-- A sentence.\ncreate policy own on public.saved_views for select to authenticated using (true);\n\ncreate policy"),
    ("tables/public.tool_grants.rules.sql", "before update of supervisor_id on", "before update of supervisor_id, id on"),
    ("tables/public.users.rules.sql", "left join private.agent_sums s on s.agent_id = g.id", "join private.agent_sums s on s.agent_id = g.id"),
    ("tables/public.agents.sql", "  constraint agents_pkey", "  nickname text,\n  constraint agents_pkey"),
]  # fmt: skip


@pytest.mark.full
async def test_a_migration_is_made_of_what_changed() -> None:
    with a_folder() as place:
        folder = place / "supabase"
        shutil.copytree(migrations.FOLDER, folder)
        assert await new_migration.write("nothing", folder) is None
        for name, stands, shall in CHANGES:
            path = folder / "schemas" / name
            text = path.read_text()
            assert stands in text, name
            path.write_text(text.replace(stands, shall, 1))
        (folder / "schemas" / "functions" / "public.one.sql").write_text(ONE)
        made = await new_migration.write("what_changed", folder)
        assert made is not None
        assert made.name > max(path.name for path in (migrations.FOLDER / "migrations").glob("*.sql"))
        text = made.read_text()
        assert "--   + column nickname text" in text
        with running(HOME) as migrated, running(HOME) as declared:
            await migrations.migrate(migrated.url("postgres"))
            async with connected(migrated) as owner:
                await owner.execute(text)
                await owner.execute("alter table public.agents add column nickname text")  # the person's part
            await load(declared.url("postgres"), folder)
            assert not differences(await catalogue_of(migrated), await catalogue_of(declared))
