"""A restored home has every row and every grant; until it is complete, the present one does not change."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from server.embedded import folders
from server.embedded import restore as replacing
from server.embedded.postgres import SUPERUSER, Postgres
from server.errors import Conflict, Invalid
from server.kernel.db import Programs, backups, migrations
from tests.app_server import DEADLINE, AppServer
from tests.catalogue import catalogue, differences, rows
from tests.conftest import ROOT, a_folder, free_port, serving
from tests.test_process import command
from tests.used_home import UsedHome, begun, connected, full_disk, started

WHEEL = folders.binaries()
KEPT = ROOT / "tests" / "backups"


@pytest.fixture
def folder() -> Iterator[Path]:
    with a_folder() as made:
        yield made


async def heard(lines: AsyncIterator[str], words: str) -> None:
    async with asyncio.timeout(DEADLINE):
        async for line in lines:
            if words in line:
                return
    raise AssertionError("the stream ended")


async def works(used_home: UsedHome, app_server: AppServer) -> None:
    """People sign in and see their rows, keys work, policies hold, and the floor is live."""
    async with app_server.browser_of(used_home.person) as browser:
        assert used_home.interaction in (await browser.get("/")).text
        assert (await browser.get("/leaderboard.csv")).text == used_home.leaderboard
        async with app_server.api(used_home.person.agents[1]) as api:
            assert (await api.get(f"/interactions/{used_home.interaction}")).json()["status"] == "active"
            async with browser.stream("GET", "/stream?page=floor") as stream:
                lines = stream.aiter_lines()
                await heard(lines, "agents")
                said = {"feed_text": "Here again", "sentiment": "good"}
                assert (
                    await api.post(f"/interactions/{used_home.interaction}/metrics", json=said)
                ).is_success
                await heard(lines, "Here again")
    async with app_server.browser_of(used_home.outsider) as other:
        assert (await other.get(f"/interactions/{used_home.interaction}")).status_code == 404


async def test_a_dropped_database_comes_back_row_for_row(used_home: UsedHome) -> None:
    with started(used_home.home) as postgres:
        async with connected(postgres.url(SUPERUSER, "template1")) as root:
            await root.execute("drop database postgres with (force)")
    brought = command("restore", str(used_home.file), FLOORWALKER_HOME=str(used_home.home))
    assert (brought.returncode, brought.stdout) == (0, f"restored {used_home.file}\n"), brought.stderr
    with started(used_home.home) as postgres:
        await used_home.check(postgres.url("postgres"))
    assert not list((used_home.home / "backups").glob("*"))


async def test_with_all_data_gone_a_new_home_has_everything_and_works(
    used_home: UsedHome, folder: Path
) -> None:
    home = folder / "another"
    brought = command("restore", str(used_home.file), FLOORWALKER_HOME=str(home))
    assert brought.returncode == 0, brought.stderr
    with started(home) as postgres:
        await used_home.check(postgres.url("postgres"))
    with serving(home, free_port()) as app_server:
        await works(used_home, app_server)


@pytest.fixture(scope="module")
def parts(used_home: UsedHome) -> dict[str, Path]:
    """The same home without rows, and its rows alone."""
    with started(used_home.home):
        found = {}
        for what in ("schema", "data"):
            found[what] = used_home.file.with_name(f"{what}.dump")
            made = command("backup", f"--{what}-only", str(found[what]), FLOORWALKER_HOME=str(used_home.home))
            assert made.returncode == 0, made.stderr
    return found


@pytest.mark.full
async def test_rows_alone_go_back_into_the_schema_that_they_were_of(
    used_home: UsedHome, parts: dict[str, Path], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = folder / "another"
    brought = command("restore", str(parts["data"]), FLOORWALKER_HOME=str(home))
    assert brought.returncode == 0, brought.stderr
    with started(home) as postgres:
        await used_home.check(postgres.url("postgres"))
        newer = folder / "newer"
        shutil.copytree(migrations.FOLDER, newer)
        (newer / "migrations" / "20991231000000_more.sql").write_text("create table public.more ();")
        monkeypatch.setattr(migrations, "FOLDER", newer)
        with pytest.raises(Invalid, match="has only rows, of a schema before 20991231000000"):
            await replacing.restore(postgres, parts["data"])
        await used_home.check_rows(postgres.url("postgres"))


@pytest.mark.full
async def test_a_schema_alone_is_an_empty_product(
    used_home: UsedHome, parts: dict[str, Path], folder: Path
) -> None:
    home = folder / "another"
    brought = command("restore", str(parts["schema"]), FLOORWALKER_HOME=str(home))
    assert brought.returncode == 0, brought.stderr
    with started(home) as postgres:
        async with connected(postgres.url("postgres")) as owner:
            found, defined = await rows(owner), await catalogue(owner)
    filled = {table for table, lines in found.items() if lines}
    assert filled == {"private.settings", "supabase_migrations.schema_migrations"}
    assert {table: found[table] for table in filled} == {table: used_home.rows[table] for table in filled}
    del defined["sequences"], (known := dict(used_home.catalogue))["sequences"]  # they begin anew
    assert not differences(known, defined)


@pytest.mark.full
async def test_beside_a_running_server_pages_come_back_by_themselves(
    used_home: UsedHome, folder: Path
) -> None:
    with serving(folder / "home", free_port(), PERMISSION_SECONDS="77") as app_server:
        person = await app_server.hire("voice")
        interaction = await app_server.start(person.agents[0])
        async with (
            app_server.browser_of(person) as browser,
            browser.stream("GET", "/stream?page=floor") as stream,
        ):
            lines = stream.aiter_lines()
            await heard(lines, "agents")
            brought = await asyncio.to_thread(
                command, "restore", str(used_home.file), FLOORWALKER_HOME=str(app_server.home)
            )
            assert brought.returncode == 0, brought.stderr
            async with asyncio.timeout(DEADLINE):  # the session is not in the backup: the stream ends
                async for _ in lines:
                    pass
            assert (await browser.get("/")).status_code == 303
        await asyncio.to_thread(app_server.wait_until_ready)
        async with app_server.database() as owner:
            assert await owner.fetchval("select private.setting('permission_seconds')") == 77
        await works(used_home, app_server)
        async with app_server.database(SUPERUSER) as root:
            names = {row["datname"] for row in await root.fetch("select datname from pg_database")}
        assert names == {"postgres", "template0", "template1"}
        # What was there before can be brought back the same way, to its last row.
        (before,) = (app_server.home / "backups").iterdir()
        assert brought.stdout.splitlines()[1] == f"the previous database is in {before}"
        again = await asyncio.to_thread(
            command, "restore", str(before), FLOORWALKER_HOME=str(app_server.home)
        )
        assert again.returncode == 0, again.stderr
        await asyncio.to_thread(app_server.wait_until_ready)
        async with app_server.browser_of(person) as browser:
            assert interaction in (await browser.get("/")).text


async def test_an_older_backup_is_migrated_and_a_newer_one_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = sorted((migrations.FOLDER / "migrations").glob("*.sql"))
    old, old_file, new_file = folder / "old" / "migrations", folder / "old.dump", folder / "new.dump"
    shutil.copytree(migrations.FOLDER / "migrations", old)
    for path in paths[9:]:
        (old / path.name).unlink()
    with started(folder / "home") as postgres:
        url = postgres.url("postgres")
        with monkeypatch.context() as patch:
            patch.setattr(migrations, "FOLDER", old.parent)
            assert len(await migrations.migrate(url)) == 9
        await backups.backup(url, old_file, Programs(WHEEL))
        assert await migrations.migrate(url) == [path.stem for path in paths[9:]]
        async with connected(url) as owner:
            wanted = await catalogue(owner)
        applied, kept = await replacing.restore(postgres, old_file)
        assert applied == [path.stem for path in paths[9:]]
        assert [path.parent for path in kept] == [postgres.home / "backups"]
        async with connected(url) as owner:
            assert not differences(wanted, await catalogue(owner))
            await owner.execute(
                "insert into supabase_migrations.schema_migrations (version) values ('20991231000000')"
            )
        await backups.backup(url, new_file, Programs(WHEEL))
        async with connected(url) as owner:
            await owner.execute("create table public.untouched ()")
        with pytest.raises(Invalid, match=r"is of a newer Floorwalker \(it has 20991231000000\)"):
            await replacing.restore(postgres, new_file)
        async with connected(url) as owner:
            assert await owner.fetchval("select to_regclass('public.untouched')")


@pytest.mark.full
@pytest.mark.parametrize("kept", sorted(KEPT.glob("*.dump")), ids=lambda path: path.stem)
async def test_a_backup_of_each_release_is_restored_and_migrated(
    kept: Path, used_home: UsedHome, folder: Path
) -> None:
    home = folder / "another"
    brought = command("restore", str(kept), FLOORWALKER_HOME=str(home))
    assert brought.returncode == 0, brought.stderr
    with started(home) as postgres:
        async with connected(postgres.url("postgres")) as owner:
            defined = await catalogue(owner)
            del defined["sequences"], (known := dict(used_home.catalogue))["sequences"]
            assert not differences(known, defined)
            assert await owner.fetch(
                "select text from public.interaction_turns where text = 'Wo ist ''es''?'"
            )
            answers = "select status from public.tool_permissions order by requested_at"
            assert [row["status"] for row in await owner.fetch(answers)] == ["allowed", "denied", "pending"]
            assert await owner.fetchval("select count(*) from public.users where role = 'supervisor'") >= 2


@pytest.mark.full
async def test_what_was_there_before_is_not_dropped_while_there_is_no_room_for_it(
    used_home: UsedHome, folder: Path
) -> None:
    with started(folder / "home") as postgres:
        await migrations.migrate(postgres.url("postgres"))
        async with connected(postgres.url("postgres")) as owner:
            await owner.execute("create table public.before as select 'kept' as word")
        words = r"is restored, but the previous database .* \(.*No space left.*\) and stays as database before_restore"
        with full_disk(postgres.home / "backups"), pytest.raises(Conflict, match=words):
            await replacing.restore(postgres, used_home.file)
        async with connected(postgres.url("postgres", "before_restore")) as before:
            assert await before.fetchval("select word from public.before") == "kept"
        await used_home.check(postgres.url("postgres"))
        _, kept = await replacing.restore(postgres, used_home.file)
        assert len(kept) == 2
        await replacing.restore(postgres, kept[0])
        async with connected(postgres.url("postgres")) as owner:
            assert await owner.fetchval("select word from public.before") == "kept"


async def test_two_restores_do_not_meet(app_server: AppServer, used_home: UsedHome) -> None:
    async with (
        app_server.database(SUPERUSER) as _,
        connected(Postgres(app_server.home).url(SUPERUSER, "template1")) as root,
    ):
        await root.execute("select pg_advisory_lock($1)", replacing.LOCK)
        with pytest.raises(Conflict, match="another restore is running"):
            await replacing.restore(Postgres(app_server.home), used_home.file)


@pytest.mark.full
async def test_killed_at_any_moment_one_of_the_two_databases_is_there(
    used_home: UsedHome, folder: Path
) -> None:
    home = folder / "home"
    with started(home) as postgres:
        await migrations.migrate(postgres.url("postgres"))
        for pause in (0.7, 1.1, 1.2, 1.4):
            process = begun("restore", str(used_home.file), home=home)
            await asyncio.sleep(pause)
            process.kill()
            process.communicate()
            async with connected(postgres.url("postgres")) as owner:
                assert await owner.fetchval("select count(*) from public.users") in (
                    0,
                    len(used_home.rows["auth.users"]),
                )
        # Left-over files do not prevent anything.
        await replacing.restore(postgres, used_home.file)
        await used_home.check(postgres.url("postgres"))
