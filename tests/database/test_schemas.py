"""supabase/schemas/ says what the database is: loaded into an empty one, it gives what the migrations give."""

import tomllib
from pathlib import Path

import asyncpg

from server import migrations
from tests.catalogue import catalogue, differences
from tests.test_migrations import HOME, connected, running

HISTORY = "supabase_migrations"  # what was applied: only a database with migrations has it


def in_order() -> list[Path]:
    """The files that config.toml names, each once, where it is named first."""
    config = tomllib.loads((migrations.FOLDER / "config.toml").read_text())
    named: dict[Path, None] = {}
    for pattern in config["db"]["migrations"]["schema_paths"]:
        found = sorted(migrations.FOLDER.glob(pattern.removeprefix("./")))
        assert found, f"{pattern} names no file"
        named |= dict.fromkeys(found)
    return list(named)


async def load(url: str) -> None:
    """All of it in one transaction, as the owner."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute("set local check_function_bodies = off; set local search_path = ''")
            for path in in_order():
                try:
                    await connection.execute(path.read_text())
                except asyncpg.PostgresError as error:
                    error.add_note(f"in {path.name}")
                    raise
    finally:
        await connection.close()


def test_every_file_of_it_is_named_once() -> None:
    assert sorted(in_order()) == sorted((migrations.FOLDER / "schemas").rglob("*.sql"))


def test_a_function_has_a_file_of_its_name() -> None:
    for path in (migrations.FOLDER / "schemas" / "functions").glob("*.sql"):
        made = [line for line in path.read_text().splitlines() if line.startswith("create ")]
        assert made
        assert all(f" {path.stem}(" in line for line in made), path.name


async def test_it_gives_the_same_catalogue_as_the_migrations() -> None:
    with running(HOME) as migrated, running(HOME) as declared:
        await migrations.migrate(migrated.url("postgres"))
        await load(declared.url("postgres"))
        async with connected(migrated) as owner:
            history = await catalogue(owner)
        async with connected(declared) as owner:
            present = await catalogue(owner)
    for found in (history, present):
        for what in found:
            found[what] = [one for one in found[what] if HISTORY not in one]
    assert not differences(history, present)
