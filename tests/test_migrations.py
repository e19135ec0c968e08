"""Migrations: once, twice, and on every PostgreSQL of this machine."""

from pathlib import Path

import asyncpg
import pytest

from server import migrations
from server.embedded.postgres import Postgres
from tests.conftest import a_folder
from tests.site import Site

OTHERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


async def test_all_are_recorded_where_supabase_looks_for_them(site: Site) -> None:
    files = sorted(path.stem for path in (migrations.FOLDER / "migrations").glob("*.sql"))
    async with site.database() as owner:
        rows = await owner.fetch(
            "select version || '_' || name as file, statements from supabase_migrations.schema_migrations order by version"
        )
    assert [row["file"] for row in rows] == files
    assert all(row["statements"] for row in rows)


async def test_a_second_run_changes_nothing(site: Site) -> None:
    assert await migrations.migrate(site.database_url()) == []


async def test_one_that_fails_leaves_nothing_behind(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "migrations").mkdir()
    broken = tmp_path / "migrations" / "20991231000000_broken.sql"
    broken.write_text("create table public.half_done (id integer); select 1 / 0;")
    monkeypatch.setattr(migrations, "FOLDER", tmp_path)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrations.migrate(site.database_url())
    async with site.database() as owner:
        assert await owner.fetchval("select to_regclass('public.half_done')") is None
        assert not await owner.fetchval(
            "select exists (select from supabase_migrations.schema_migrations where version = '20991231000000')"
        )


@pytest.mark.full
@pytest.mark.skipif(not OTHERS, reason="no other PostgreSQL is installed in /usr/lib/postgresql")
@pytest.mark.parametrize("folder", OTHERS, ids=lambda path: path.parent.name)
async def test_they_apply_and_seed_on_another_postgresql(folder: Path) -> None:
    with a_folder() as place:
        postgres = Postgres(place / "home", bin_folder=folder, settings={"fsync": "off"})
        postgres.start()
        try:
            owner_url = postgres.url("postgres")
            assert len(await migrations.migrate(owner_url)) == len(
                list((migrations.FOLDER / "migrations").glob("*.sql"))
            )
            assert await migrations.migrate(owner_url) == []
            await migrations.seed(owner_url)
            owner = await asyncpg.connect(owner_url)
            try:
                assert await owner.fetchval("select count(*) from public.agents") == 5
                assert await owner.fetchval("select count(*) from private.profile_faults") == 0
            finally:
                await owner.close()
        finally:
            postgres.stop()
