"""A home that was used and backed up, for tests of backups to compare with."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from server.embedded.postgres import Postgres
from server.kernel.db import migrations
from tests.app_server import DEADLINE, Person, decision
from tests.catalogue import catalogue, differences, rows
from tests.conftest import ROOT, a_folder, free_port, serving
from tests.test_process import command

ARCHIVE = {
    "summary": "Zwei Pakete, „verspätet“\\n\tund \\.",
    "issues": [{"issue": "Late", "status": "resolved", "priority": "high"}],
    "tags": {"topics": ["delivery"], "sentiment": "good", "issues": [{"tag": "late", "status": "resolved"}]},
    "csat_score": 88.5,
}


@dataclass(frozen=True, slots=True)
class UsedHome:
    """A home that was used, and its content at the time of the backup."""

    home: Path
    file: Path
    person: Person
    outsider: Person
    interaction: str
    leaderboard: str
    rows: dict[str, list[str]]
    catalogue: dict[str, list[str]]

    async def check(self, url: str) -> None:
        """All of it is in this database, and nothing else."""
        await self.check_rows(url)
        async with connected(url) as owner:
            assert not differences(self.catalogue, await catalogue(owner))
            assert not await owner.fetchval("select count(*) from private.web_sessions")
            assert not await owner.fetchval("select count(*) from private.profile_faults")
        assert await migrations.migrate(url) == []

    async def check_rows(self, url: str) -> None:
        """Every row is there, unchanged."""
        async with connected(url) as owner:
            assert not differences(self.rows, await rows(owner))


@asynccontextmanager
async def connected(url: str) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    connection = await asyncpg.connect(url, timeout=DEADLINE)
    try:
        yield connection
    finally:
        await connection.close()


@contextmanager
def started(home: Path, **more: str) -> Iterator[Postgres]:
    """The PostgreSQL of a home without its server."""
    postgres = Postgres(home, settings={"fsync": "off", **more})
    postgres.start()
    try:
        yield postgres
    finally:
        postgres.stop()


@asynccontextmanager
async def create_used_home() -> AsyncIterator[UsedHome]:
    """Work in it, back it up beside the running server, and stop."""
    with a_folder() as place:
        home, file = place / "home", place / "all.dump"
        with serving(home, free_port()) as app_server:
            person, outsider = await app_server.hire("voice", agents=2), await app_server.hire("chat")
            await app_server.hire("admin")
            first, second = person.agents
            ended, live = (
                await app_server.start(first),
                await app_server.start(second, phone_number="+18505550155"),
            )
            async with app_server.api(first) as api, app_server.browser_of(person) as browser:
                for score in (20, 60, 90):
                    metric = {"sentiment": "good", "satisfaction_score": score, "feed_text": f"at\t{score}"}
                    assert (await api.post(f"/interactions/{ended}/metrics", json=metric)).is_success
                turn = {"speaker": "customer", "text": "Wo ist 'es'?"}
                assert (await api.post(f"/interactions/{ended}/turns", json=turn)).is_success
                for status in ("allowed", "denied"):
                    asked = await app_server.ask(first, ended)
                    form = decision(asked, status, reason="so")
                    answer = await browser.post(f"/tool-permissions/{asked['id']}/decision", data=form)
                    assert answer.status_code == 303
                    if status == "allowed":
                        claim = {"arguments_digest": asked["arguments_digest"]}
                        claimed = await api.post(f"/tool-permissions/{asked['id']}/execution", json=claim)
                        report = {
                            "execution_id": claimed.json()["execution_id"],
                            "succeeded": True,
                            "result": [1],
                        }
                        assert (
                            await api.patch(f"/tool-permissions/{asked['id']}/execution", json=report)
                        ).is_success
                end = {"status": "completed", "archive": ARCHIVE}
                assert (await api.post(f"/interactions/{ended}/end", json=end)).is_success
                await app_server.ask(second, live)
                leaderboard = (await browser.get("/leaderboard.csv")).text
            made = command("backup", str(file), FLOORWALKER_HOME=str(home))
            assert made.returncode == 0, made.stderr
            assert made.stdout == f"{file}: {file.stat().st_size:,} bytes\n"
            async with app_server.database() as owner:
                written, defined = await rows(owner), await catalogue(owner)
        assert sum(map(len, written.values())) > 1000
        assert file.stat().st_mode & 0o777 == 0o600
        yield UsedHome(home, file, person, outsider, live, leaderboard, written, defined)


def begun(*words: str, home: Path) -> "subprocess.Popen[str]":
    """A running command, to be interrupted."""
    return subprocess.Popen(
        [sys.executable, "-m", "server", *words],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "FLOORWALKER_HOME": str(home)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@contextmanager
def full_disk(place: Path) -> Iterator[None]:
    """A folder with little free space."""
    place.mkdir(exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", place], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("needs the right to mount")
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)
