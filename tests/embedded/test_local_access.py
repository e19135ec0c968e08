"""Which accounts of this machine may connect to a home's PostgreSQL as which role, and that none can block its start."""

import asyncio
import pwd
import stat
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from server.embedded.local_access import SUPERUSER
from server.embedded.postgres import Postgres, StartError
from tests.app_server import DEADLINE
from tests.embedded.conftest import is_root

FAST = {"fsync": "off"}
# The libraries are imported before the account changes, which may not be allowed to read them.
ANOTHER = """
import asyncio, fcntl, os, sys
import asyncpg

async def connect():
    await (await asyncpg.connect(url)).close()

def lock():
    fcntl.flock(os.open(file, os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)

url, file, uid, gid = sys.argv[1:]
os.setgroups([])
os.setgid(int(gid))
os.setuid(int(uid))
for word, operation in (("connected", lambda: asyncio.run(connect())), ("locked", lock)):
    try:
        operation()
        print(word)
    except Exception as error:
        print(type(error).__name__)
"""
NO_WAY, REFUSED = "PermissionError", "InvalidAuthorizationSpecificationError"


def by_account(name: str, url: str, home: Path) -> list[str]:
    """The result of a connection, and of an attempt to lock the home's file, by this account."""
    who = pwd.getpwnam(name)
    words = [url, str(home / "owner.lock"), str(who.pw_uid), str(who.pw_gid)]
    return subprocess.check_output([sys.executable, "-c", ANOTHER, *words], text=True).split()


def ask(url: str, question: str = "select 'well'") -> object:
    async def answer() -> object:
        connection = await asyncpg.connect(url, timeout=DEADLINE)
        try:
            return await connection.fetchval(question)
        finally:
            await connection.close()

    return asyncio.run(answer())


def make_old(home: Path) -> None:
    """As homes were made before: their PostgreSQL trusted everybody who reached its socket."""
    access = home / "data/pg_hba.conf"
    access.write_text(access.read_text().replace("peer map=floorwalker", "trust") + "# kept\n")
    (home / "data/pg_ident.conf").write_text("")
    (home / "owner.lock").chmod(0o644)
    home.chmod(0o711)


def trusts(home: Path) -> bool:
    lines = (home / "data/pg_hba.conf").read_text().splitlines()
    return any("trust" in line.split() for line in lines if not line.startswith("#"))


@is_root
@pytest.mark.parametrize("age", ["new", "old"])
def test_no_other_account_comes_in_or_holds_up_a_start(home: Path, age: str) -> None:
    postgres = Postgres(home, settings=FAST)
    if age == "old":
        postgres.start()
        ask(postgres.url("postgres"), "create table kept as select 'kept' as word")
        postgres.stop()
        make_old(home)
        assert by_account("nobody", postgres.url(SUPERUSER), home)[1] == "locked"
    postgres.start()
    try:
        server = pwd.getpwuid((home / "data").stat().st_uid).pw_name
        if server != "nobody":
            assert by_account("nobody", postgres.url(SUPERUSER), home) == [NO_WAY, NO_WAY]
        # PostgreSQL's own account reaches the socket. It gets the roles that a pooler needs, but not superuser.
        assert by_account(server, postgres.url(SUPERUSER), home) == [REFUSED, NO_WAY]
        assert by_account(server, postgres.url("postgres"), home) == ["connected", NO_WAY]
        assert ask(postgres.url(SUPERUSER)) == ask(postgres.url("postgres")) == "well"
        assert not trusts(home)
        assert stat.S_IMODE((home / "owner.lock").stat().st_mode) == 0o600
        assert stat.S_IMODE(home.stat().st_mode) == 0o710
        joiner = Postgres(home)
        joiner.start()
        assert not joiner.owner
        joiner.stop()
        if age == "old":
            assert ask(postgres.url("postgres"), "select word from kept") == "kept"
            assert (home / "data/pg_hba.conf").read_text().endswith("# kept\n")
    finally:
        postgres.stop()


@is_root
def test_no_link_in_the_folder_of_the_other_account_leads_root_astray(home: Path) -> None:
    postgres = Postgres(home, settings=FAST)
    postgres.start()
    postgres.stop()
    secret = home.parent / "secret"
    secret.write_text("of root")
    map_ = home / "data/pg_ident.conf"
    map_.unlink()
    map_.symlink_to(secret)
    with pytest.raises(StartError, match="cannot be used"):
        postgres.start()
    assert secret.read_text() == "of root"


def test_an_account_without_a_name_is_kept_out_of_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container that runs as a number: PostgreSQL cannot look the account up, and the private folder is the protection."""

    def nameless(number: int) -> None:
        raise KeyError(number)

    postgres = Postgres(home, settings=FAST)
    for named in (False, True):
        with monkeypatch.context() as patch:
            if not named:
                patch.setattr(pwd, "getpwuid", nameless)
            postgres.start()
        try:
            assert trusts(home) is not named
            assert ask(postgres.url(SUPERUSER)) == "well"
            assert (home / "run").stat().st_mode & 0o077 == 0
        finally:
            postgres.stop()
