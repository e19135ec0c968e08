"""`floorwalker import-sdr` of a file that is missing, damaged, in use or of another program."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from tests.app_server import AppServer, Person
from tests.cli.sdr_files import add_agent, add_call, import_, rows_of, write
from tests.conftest import free_port
from tests.test_process import command, sentence

pytestmark = pytest.mark.full  # each runs the command, for more than a second


async def test_a_database_without_a_schema_is_a_sentence(file: Path, folder: Path) -> None:
    home = {"FLOORWALKER_HOME": str(folder / "home"), "PORT": str(free_port())}
    answer = await asyncio.to_thread(command, "import-sdr", str(file), **home)
    sentence(answer, "nothing was imported", "no schema yet", "floorwalker migrate")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ("drop table conversations", ["no database of ai-sdr", "no table conversations"]),
        ("alter table agents drop column voice_id", ["its table agents has no column voice_id"]),
        ("drop table agents; create view agents as select 1", ["no table agents"]),
    ],
)
async def test_a_file_without_a_table_or_a_column_is_a_sentence(
    app_server: AppServer, file: Path, spoil: str, words: list[str]
) -> None:
    write(file, spoil)
    sentence(await import_(app_server, file), "nothing was imported", *words)


async def test_a_file_that_is_damaged_or_no_database_is_a_sentence(
    app_server: AppServer, boss: Person, file: Path, folder: Path
) -> None:
    agent = add_agent(file, boss)
    for _ in range(50):
        add_call(file, agent, transcript="Agent: x\n" * 300)
    whole = await asyncio.to_thread(file.read_bytes)
    await asyncio.to_thread(file.write_bytes, whole[: len(whole) // 2])
    sentence(await import_(app_server, file), "nothing was imported", "sqlite3 FILE")
    await asyncio.to_thread(file.write_bytes, whole[:8192] + b"\xff" * 8192 + whole[16384:])
    sentence(await import_(app_server, file), "nothing was imported", "sqlite3 FILE")
    await asyncio.to_thread(file.write_text, "name,prompt\n" * 100)
    sentence(await import_(app_server, file), "cannot be read as an SQLite database", "not a database")
    await asyncio.to_thread(file.write_bytes, b"")
    sentence(await import_(app_server, file), "no database of ai-sdr")
    sentence(await import_(app_server, folder / "nowhere.db"), "there is no file")
    sentence(await import_(app_server, folder), "there is no file")
    assert not (await rows_of(app_server, boss))["agents"]


async def test_rows_that_are_not_in_the_main_file_yet_come_too(
    app_server: AppServer, boss: Person, file: Path
) -> None:
    """The file is in use, and its newest rows are in its write-ahead log."""
    writer = sqlite3.connect(file, isolation_level=None)
    writer.execute("pragma journal_mode = wal")
    writer.execute("pragma wal_autocheckpoint = 0")
    writer.execute("insert into agents (agent_id, name, system_prompt, user_id) values ('wal ' || ?, 'Ada', '', ?)", [file.parent.name, boss.username])  # fmt: skip
    assert file.with_name(file.name + "-wal").stat().st_size > 0
    main = await asyncio.to_thread(file.read_bytes)
    answer = await import_(app_server, file)
    assert answer.stdout.endswith("1 row: 1 imported, 0 changed, 0 unchanged, 0 refused\n"), answer
    assert await asyncio.to_thread(file.read_bytes) == main, "the file is not changed"
    writer.close()


async def test_a_file_that_another_program_locked_is_a_sentence(app_server: AppServer, file: Path) -> None:
    writer = sqlite3.connect(file, isolation_level=None)
    writer.execute("begin exclusive")
    sentence(await import_(app_server, file), "nothing was imported", "database is locked", "stop that")
    writer.close()
