"""A backup restores every row and every grant, and nothing is ever restored by half."""

import asyncio
import os
import secrets
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.embedded import folders, restore
from server.embedded.postgres import SUPERUSER, Postgres
from server.errors import Invalid
from server.kernel.db import backups, migrations, secretly
from tests.app_server import DEADLINE, AppServer, Person
from tests.catalogue import catalogue, differences, rows
from tests.conftest import a_folder, until
from tests.test_process import HOSTED, command, sentence
from tests.used_home import UsedHome, begun, connected, full_disk

WHEEL = folders.binaries()
OTHERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@pytest.fixture
def folder() -> Iterator[Path]:
    with a_folder() as made:
        yield made


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
async def test_what_is_no_whole_backup_changes_nothing(
    app_server: AppServer, used_home: UsedHome, folder: Path, share: float
) -> None:
    whole, cut = used_home.file.read_bytes(), folder / "cut.dump"
    cut.write_bytes(whole[: int(len(whole) * share)] or b"These are not the rows you are looking for.")
    async with app_server.database() as owner:
        before = await catalogue(owner)
        people = await owner.fetch("select id from auth.users")
        databases = await owner.fetchval("select count(*) from pg_database")
        refused = await asyncio.to_thread(command, "restore", str(cut), FLOORWALKER_HOME=str(app_server.home))
        sentence(refused, str(cut))
        assert people == await owner.fetch("select id from auth.users")
        found = differences(before, await catalogue(owner))
        # The sweeper of the running server goes on to queue messages for browsers that other tests subscribed.
        assert not [one for one in found if "push_messages_id_seq" not in one]
        assert databases == await owner.fetchval("select count(*) from pg_database")
    assert not list((app_server.home / "backups").glob("before-restore-*"))


async def test_what_cannot_be_done_is_one_sentence(
    app_server: AppServer, folder: Path, used_home: UsedHome
) -> None:
    home = {"FLOORWALKER_HOME": str(app_server.home)}
    sentence(command("restore", str(folder / "none.dump"), **home), "there is no file", "none.dump")
    sentence(command("restore", str(folder), **home), "there is no file")
    before = used_home.file.read_bytes()
    sentence(command("backup", str(used_home.file), **home), "exists already")
    assert used_home.file.read_bytes() == before
    sentence(command("backup", str(folder / "no" / "such.dump"), **home), "such.dump", "cannot be written")
    sentence(command("backup", FLOORWALKER_HOME=str(folder / "new")), "no schema yet")
    both = command("backup", "--schema-only", "--data-only", **home)
    assert both.returncode == 2
    assert "give one of them" in both.stderr


def test_a_full_disk_leaves_no_file(app_server: AppServer, folder: Path) -> None:
    with full_disk(folder / "small"):
        refused = command("backup", str(folder / "small" / "all.dump"), FLOORWALKER_HOME=str(app_server.home))
        sentence(refused, "backup failed", "No space left on device")
        assert not names(folder / "small")


WAITING = "select exists (select from pg_locks where relation = 'private.slow'::regclass and not granted)"


@pytest.mark.parametrize("victim", ["pg_dump", "command", "both by Ctrl-C"])
async def test_an_interrupted_backup_leaves_no_file_that_looks_whole(
    app_server: AppServer, folder: Path, victim: str
) -> None:
    async with app_server.database() as owner:
        await owner.execute("create table private.slow ()")
        try:
            transaction = owner.transaction()
            await transaction.start()
            await owner.execute("lock table private.slow")  # pg_dump waits for it
            process = begun("backup", str(folder / "all.dump"), home=app_server.home)
            await until(lambda: owner.fetchval(WAITING))  # and its file is there
            dump = child(process.pid)
            if victim == "both by Ctrl-C":
                os.killpg(process.pid, signal.SIGINT)
            else:
                os.kill(dump if victim == "pg_dump" else process.pid, signal.SIGKILL)
            _, said = await asyncio.to_thread(process.communicate, timeout=DEADLINE)
            assert process.returncode != 0
            if victim == "pg_dump":
                assert said == "floorwalker: the backup failed: it was ended.\n"
            elif victim == "command":
                backups.clear_halves(folder)  # its pg_dump still writes, so this waits for later
                assert names(folder) == ["all.dump.part"]
                os.kill(dump, signal.SIGTERM)
                await until(lambda: not Path(f"/proc/{dump}").exists())
                backups.clear_halves(folder)
            assert not names(folder)
        finally:
            await transaction.rollback()
            await owner.execute("drop table private.slow")
    made = command("backup", str(folder / "all.dump"), FLOORWALKER_HOME=str(app_server.home))
    assert made.returncode == 0, made.stderr


NICE = 19  # the lowest priority


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="priorities are Linux's")
async def test_a_backup_gives_way_to_the_server(app_server: AppServer, folder: Path) -> None:
    backend = "select pid from pg_stat_activity where application_name like 'floorwalker backup %'"
    async with app_server.database() as owner:
        await owner.execute("create table private.slow ()")
        try:
            async with owner.transaction():
                await owner.execute("lock table private.slow")  # pg_dump waits for it
                process = begun("backup", str(folder / "all.dump"), home=app_server.home)
                await until(lambda: owner.fetchval(WAITING))
                dump = child(process.pid)
                await until(lambda: os.getpriority(os.PRIO_PROCESS, dump) == NICE)
                assert os.sched_getscheduler(dump) == os.SCHED_IDLE
                async with app_server.database() as other:
                    pid = await other.fetchval(backend)
                await until(lambda: os.getpriority(os.PRIO_PROCESS, pid) == NICE)
                assert os.sched_getscheduler(pid) == os.SCHED_OTHER, "others wait for what it has locked"
        finally:
            await owner.execute("drop table private.slow")
    await asyncio.to_thread(process.communicate, timeout=DEADLINE)
    assert process.returncode == 0
    assert names(folder) == ["all.dump"]


async def test_no_link_that_is_on_its_way_is_in_it(
    app_server: AppServer, voice: Person, folder: Path
) -> None:
    file, name = folder / "all.dump", f"{secrets.token_hex(4)}@example.org"
    async with app_server.browser_of(await app_server.hire("admin")) as admin:
        draft = {
            "kind": "chat",
            "email": name,
            "name": "New",
            "username": secrets.token_hex(4),
            "how": "invite",
        }
        assert (await admin.post("/people", data=draft)).status_code == 303
        assert (await admin.post(f"/people/{voice.id}/email")).status_code == 303
    live = "select confirmation_token, recovery_token from auth.users where email in ($1, $2)"
    async with app_server.database() as owner:
        rows_ = await owner.fetch(live, name, voice.email)
        tokens = [token for row in rows_ for token in row if token]
        assert len(tokens) == 2, "an invitation and a recovery are on their way"
        made = await asyncio.to_thread(command, "backup", str(file), FLOORWALKER_HOME=str(app_server.home))
        assert made.returncode == 0, made.stderr
        assert rows_ == await owner.fetch(live, name, voice.email), "and stay so"
    read = [str(WHEEL / "pg_restore"), "--file=-", str(file)]
    written = (await asyncio.to_thread(subprocess.run, read, capture_output=True, check=True)).stdout
    assert name.encode() in written, "of the profile"
    everything = written + file.read_bytes()
    assert name.encode() in everything.split(b"copy auth.users (")[1], "and of the account"
    assert not [token for token in tokens if token.encode() in everything]


@pytest.mark.full
async def test_a_backup_of_an_earlier_version_brings_no_live_link(
    app_server: AppServer, folder: Path
) -> None:
    """Its archive contains the accounts as they were."""
    postgres = Postgres(folder / "home", settings={"fsync": "off"})
    postgres.start()
    try:
        await migrations.migrate(postgres.url("postgres"))
        await migrations.seed(postgres.url("postgres"))
        async with connected(postgres.url("postgres")) as owner:
            await owner.execute(
                "update auth.users set recovery_token = 'live' where email like 'supervisor%1@%'"
            )
        file = folder / "old.dump"
        tables = [f"--schema={name}" for name in (*migrations.SCHEMAS, "auth")]
        data = ["--exclude-table=auth.*token*", "--exclude-table=auth.sessions", "--extension=pg_trgm"]
        program = [str(postgres.bin("pg_dump")), "--format=custom", *tables, *data, f"--file={file}"]
        dumping = [*program, f"--dbname={postgres.url('postgres')}"]
        await asyncio.to_thread(subprocess.run, dumping, check=True)
        await restore.restore(postgres, file)
        async with connected(postgres.url("postgres")) as owner:
            found = await owner.fetch("select email, recovery_token from auth.users order by email")
        assert [tuple(row) for row in found] == [
            ("admin@example.com", ""), ("supervisor1@example.com", ""), ("supervisor2@example.com", ""),
        ]  # fmt: skip
    finally:
        postgres.stop()


@pytest.mark.full
async def test_an_owner_with_settings_of_their_own(folder: Path) -> None:
    """Dates in another order, and idle transactions that are cut, as a hosted project may have them."""
    postgres = Postgres(folder / "home", settings={"fsync": "off"})
    postgres.start()
    try:
        url = postgres.url("postgres")
        await migrations.migrate(url)
        await migrations.seed(url)
        async with connected(url) as owner:
            before = await owner.fetch("select id, created_at from auth.users order by id")
        async with connected(postgres.url(SUPERUSER)) as root:
            for change in ("idle_in_transaction_session_timeout = '150ms'", "datestyle = 'SQL, DMY'"):
                await root.execute(f"alter role postgres set {change}")
        file = folder / "all.dump"
        await backups.backup(url, file, restore.programs(postgres))
        async with connected(postgres.url(SUPERUSER)) as root:
            await root.execute("alter role postgres reset all")
        await restore.restore(postgres, file)
        async with connected(url) as owner:
            assert before == await owner.fetch("select id, created_at from auth.users order by id")
    finally:
        postgres.stop()


async def test_accounts_that_are_refused_end_in_a_sentence_and_no_published_password_comes_to_a_project(
    folder: Path,
) -> None:
    home = Postgres(folder / "home", settings={"fsync": "off"})
    project = Postgres(folder / "cloud", settings={"fsync": "off"})
    home.start()
    project.start()
    try:
        await migrations.migrate(home.url("postgres"))
        await migrations.seed(home.url("postgres"))
        file, programs = folder / "all.dump", restore.programs(home)
        await backups.backup(home.url("postgres"), file, programs)
        async with connected(project.url(SUPERUSER)) as root:
            await root.execute("alter table auth.users rename column invited_at to renamed")
        with pytest.raises(Invalid, match="nothing was restored"):
            await backups.restore(project.url("postgres"), file, programs, hosted=True)
        async with connected(project.url(SUPERUSER)) as root:
            await root.execute("alter table auth.users rename column renamed to invited_at")
        await backups.restore(project.url("postgres"), file, programs, hosted=True)
        async with connected(project.url("postgres")) as owner:
            kept = await owner.fetch("select encrypted_password from auth.users")
        assert [row[0] for row in kept] == [""] * 3
    finally:
        home.stop()
        project.stop()


def names(place: Path) -> list[str]:
    return [path.name for path in place.iterdir()]


def child(pid: int) -> int:
    """The pg_dump of a command; 0 when there is none yet."""
    listed = ["ps", "-o", "pid=,comm=", "--ppid", str(pid)]
    found = subprocess.run(listed, capture_output=True, text=True, check=False).stdout.split()
    return int(found[found.index("pg_dump") - 1]) if "pg_dump" in found else 0


@pytest.mark.full
@pytest.mark.parametrize("bin_folder", [WHEEL, *OTHERS], ids=str)
async def test_a_hosted_project_is_filled_when_it_is_empty(
    used_home: UsedHome, folder: Path, bin_folder: Path
) -> None:
    """A PostgreSQL of its own plays the project; the programs are those on the PATH."""
    postgres = Postgres(folder / "cloud", bin_folder=bin_folder, settings={"fsync": "off"})
    postgres.start()
    try:
        owner_url = postgres.url("postgres")
        project = {
            **HOSTED,
            "DATABASE_URL": postgres.url("floorwalker_web"),
            "DATABASE_OWNER_URL": owner_url,
            "PATH": f"{WHEEL}:{os.environ['PATH']}",
        }
        async with connected(owner_url) as owner:
            empty = await catalogue(owner)
        half = folder / "half.dump"
        half.write_bytes(used_home.file.read_bytes()[: used_home.file.stat().st_size // 2])
        sentence(command("restore", str(half), **project), "half.dump")
        async with connected(owner_url) as owner:
            assert not differences(empty, await catalogue(owner))
        sentence(command("backup", str(folder / "nothing.dump"), **project), "no schema yet")
        brought = command("restore", str(used_home.file), **project)
        assert (brought.returncode, brought.stdout) == (0, f"restored {used_home.file}\n"), brought.stderr
        async with connected(owner_url) as owner:  # without the published password
            give = "update auth.users set encrypted_password = $1 where encrypted_password = ''"
            assert await owner.execute(give, migrations.sample_password_hash()) == "UPDATE 3"
        if bin_folder == WHEEL:
            await used_home.check(owner_url)
        async with connected(owner_url) as owner:
            assert not differences(used_home.rows, await rows(owner))
        sentence(command("restore", str(used_home.file), **project), "not empty")
        made = command("backup", str(folder / "cloud.dump"), **project)
        assert made.returncode == 0, made.stderr
        old = folder / "bin"
        old.mkdir()
        sentence(command("backup", **project | {"PATH": str(old)}), "no pg_dump on this machine's PATH")
        (old / "pg_dump").write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n")
        (old / "pg_dump").chmod(0o755)
        sentence(command("backup", **project | {"PATH": str(old)}), "PostgreSQL 9", "older than the server's")
    finally:
        postgres.stop()
    gone = command("backup", **project)
    sentence(gone, "DATABASE_OWNER_URL", "cannot be used")


def test_a_password_is_in_no_argument() -> None:
    address, environment = secretly("postgresql://me:p%40ss:w@h1.example:5432/base?sslmode=require")
    assert address == "postgresql://me@h1.example:5432/base?sslmode=require"
    assert environment["PGPASSWORD"] == "p@ss:w"
    address, environment = secretly("postgresql://h/base?user=me&password=a%20b&host=/my%20run")
    assert (address, environment["PGPASSWORD"]) == ("postgresql://h/base?user=me&host=/my%20run", "a b")
    assert "PGPASSWORD" not in secretly("postgresql://me@/base")[1]
