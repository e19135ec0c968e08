"""The machine of an embedded home: its disk, its port, its backups."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.cli.context import Context
from server.cli.doctor import machine
from server.settings import Settings
from tests.app_server import AppServer
from tests.cli.doctor.conftest import Cloud, bad, found, one
from tests.conftest import a_folder, free_port
from tests.used_home import full_disk


@pytest.fixture
def home() -> Iterator[Path]:
    with a_folder() as made:
        (made / "auth-keys.json").touch()
        yield made


def settings(home: Path, port: int | None = None) -> Settings:
    return Settings(_env_file=None, floorwalker_home=home, port=port or free_port())


async def looked(given: Settings, key: str = "") -> list[str]:
    """With a place when there is a key."""
    place = Context(given.model_copy(update={"supabase_publishable_key": key}), None) if key else None
    return await found(machine.check(given, place))


async def test_all_is_well(home: Path) -> None:
    given = settings(home)
    findings = await looked(given)
    assert not bad(findings)
    one(findings, "GB are free for")
    one(findings, f"port {given.port} is free")


def test_a_disk_that_is_full(home: Path) -> None:
    place = home / "small"
    with full_disk(place):
        finding = machine.check_disk(place / "not" / "there" / "yet")
    assert finding.mark == "✗"
    assert "free some space" in finding.sentence


async def test_the_port_is_another_programs(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        findings = await looked(settings(home, other.getsockname()[1]))
    assert bad(findings) == [
        one(findings, "✗", "cannot be used (Address already in use)", "set another PORT")
    ]


async def test_a_floorwalker_serves_this_home_or_another(cloud: Cloud, app_server: AppServer) -> None:
    async def port(of: AppServer) -> str:
        given = settings(cloud.app_server.home, int(of.url.rpartition(":")[2]))
        place = cloud.place()
        return one(await found(machine.check(given, place)), "port")

    assert (await port(cloud.app_server)).startswith("✓ this home's Floorwalker serves")
    assert (await port(app_server)).startswith("✗ the Floorwalker of another home serves")


def test_backups_and_their_age(home: Path) -> None:
    assert "the home is new" in machine.check_backup(home).sentence
    days_ago = time.time() - 5 * 86_400
    os.utime(home / "auth-keys.json", (days_ago, days_ago))
    finding = machine.check_backup(home)
    assert (finding.mark, "there is no backup, after 5 days" in finding.sentence) == ("!", True)
    (home / "backups").mkdir()
    dump = home / "backups" / "daily-2026-01-01.dump"
    dump.touch()
    assert machine.check_backup(home).sentence == "the last backup is 0 hours old"
    os.utime(dump, (days_ago, days_ago))
    finding = machine.check_backup(home)
    assert (finding.mark, "the last backup is 5 days old" in finding.sentence) == ("!", True)
