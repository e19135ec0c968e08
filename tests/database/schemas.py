"""supabase/schemas/ as it is loaded: the files in their order, and all of it into an empty database."""

import tomllib
from pathlib import Path

import asyncpg

from server.kernel.db import migrations


def in_order(folder: Path = migrations.FOLDER) -> list[Path]:
    """The files that config.toml names, each once, where it is named first."""
    config = tomllib.loads((folder / "config.toml").read_text())
    named: dict[Path, None] = {}
    for pattern in config["db"]["migrations"]["schema_paths"]:
        found = sorted(folder.glob(pattern.removeprefix("./")))
        assert found, f"{pattern} names no file"
        named |= dict.fromkeys(found)
    return list(named)


async def load(url: str, folder: Path = migrations.FOLDER) -> None:
    """All of it in one transaction, as the owner."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute("set local check_function_bodies = off; set local search_path = ''")
            for path in in_order(folder):
                try:
                    await connection.execute(path.read_text())
                except asyncpg.PostgresError as error:
                    error.add_note(f"in {path.name}")
                    raise
    finally:
        await connection.close()
