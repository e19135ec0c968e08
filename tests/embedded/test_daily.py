"""The backup of each day: made once, seven kept, and no stop waits for it."""

import asyncio
import datetime as dt
import os
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from server.embedded import daily
from server.embedded.postgres import Postgres
from server.errors import RequestError
from server.kernel.db import Programs, backups, migrations
from tests.app_server import DEADLINE
from tests.conftest import a_folder, free_port, serving, until
from tests.embedded.conftest import Homes


def today() -> str:
    return f"daily-{dt.datetime.now(dt.UTC):%Y-%m-%d}.dump"


def names(place: Path) -> set[str]:
    return {path.name for path in place.iterdir()}


@pytest.fixture(scope="module")
async def postgres(homes: Homes) -> AsyncIterator[Postgres]:
    postgres = Postgres(homes.make() / "home", settings={"fsync": "off"})
    postgres.start()
    await migrations.migrate(postgres.url("postgres"))
    yield postgres
    postgres.stop()


@pytest.fixture
def place(postgres: Postgres) -> Iterator[Path]:
    place = postgres.home / "backups"
    place.mkdir()
    yield place
    shutil.rmtree(place)


async def test_one_a_day_and_the_last_seven_are_kept(postgres: Postgres, place: Path) -> None:
    older = [f"daily-2026-01-{day:02}.dump" for day in range(1, 9)]
    others = {"floorwalker-20200101T000000Z.dump", "before-restore-20200101T000000Z.dump", "daily-mine.dump"}
    for name in [*older, *others, "daily-2026-01-08.dump.part"]:
        (place / name).write_text("rows")
    made = await daily.make(postgres)
    assert made == place / today()
    assert names(place) == {*older[-6:], *others, today()}
    written = made.stat().st_mtime_ns
    assert await daily.make(postgres) is None
    assert made.stat().st_mtime_ns == written
    with pytest.raises(RequestError, match="exists already"):
        await backups.backup(postgres.url("postgres"), made, Programs(postgres.bin("psql").parent))


async def test_only_the_process_that_owns_the_server_makes_it(postgres: Postgres, place: Path) -> None:
    joiner = Postgres(postgres.home)
    joiner.start()
    keeping = [asyncio.create_task(daily.keep(one, first=0, pause=0.01)) for one in (joiner, postgres)]
    try:
        await asyncio.sleep(0.3)
        assert not joiner.owner
        keeping[0].cancel()
        await until(lambda: names(place) == {today()})
    finally:
        for task in keeping:
            task.cancel()
        await asyncio.gather(*keeping, return_exceptions=True)
        joiner.stop()


async def test_a_stop_ends_it_at_once_and_leaves_nothing_half(postgres: Postgres, place: Path) -> None:
    owner = await asyncpg.connect(postgres.url("postgres"))
    try:
        transaction = owner.transaction()
        await transaction.start()
        await owner.execute("lock table private.settings")  # pg_dump waits for it
        keeping = asyncio.create_task(daily.keep(postgres, first=0))
        await until(lambda: names(place) == {f"{today()}.part"})
        await until(
            lambda: owner.fetchval(
                "select exists (select from pg_locks l join pg_stat_activity a using (pid) where not granted)"
            )
        )
        keeping.cancel()
        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(keeping, return_exceptions=True)
        await transaction.rollback()
        assert names(place) == set()
        await until(
            lambda: owner.fetchval(
                "select count(*) = 0 from pg_stat_activity where application_name = 'pg_dump'"
            )
        )
    finally:
        await owner.close()


async def test_it_waits_while_the_processors_are_full(
    postgres: Postgres, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = [100.0]
    monkeypatch.setattr(psutil, "cpu_percent", lambda: busy[0])
    (place / "daily-2026-01-01.dump").write_text("rows")
    keeping = asyncio.create_task(daily.keep(postgres, first=0, pause=0.01))
    try:
        await asyncio.sleep(0.3)
        assert names(place) == {"daily-2026-01-01.dump"}
        busy[0] = 40.0
        await until((place / today()).exists)
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


@pytest.mark.parametrize("hours", [None, 31])
async def test_it_does_not_wait_when_there_is_none_or_the_newest_is_old(
    place: Path, hours: int | None
) -> None:
    if hours is not None:
        old = place / "daily-2026-01-01.dump"
        old.write_text("rows")
        os.utime(old, (time.time() - hours * 3600,) * 2)
    assert not daily.must_wait(place, busy=100.0)


@pytest.fixture
def blocked(place: Path) -> Iterator[Path]:
    """A file where the folder should be."""
    place.rmdir()
    place.write_text("in the way")
    yield place
    place.mkdir(exist_ok=True)


async def test_a_failure_is_tried_again(
    postgres: Postgres, place: Path, blocked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daily, "AFTER_FAILURE", 0.05)
    keeping = asyncio.create_task(daily.keep(postgres, first=0))
    try:
        await asyncio.sleep(0.3)
        assert not keeping.done()
        await asyncio.to_thread(blocked.unlink)
        made = place / today()
        await until(made.exists)
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


@pytest.mark.full
async def test_a_server_makes_it_a_minute_after_its_start() -> None:
    with a_folder() as folder, serving(folder / "home", free_port()) as app_server:
        made = app_server.home / "backups" / today()
        await until(lambda: '"daily_backup_made"' in app_server.log.read_text(), 90 + DEADLINE)
        assert made.exists()
