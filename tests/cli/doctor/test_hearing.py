"""Whether notifications arrive, by LISTEN and over NATS."""

from pathlib import Path

import pytest

from server.cli.doctor import hearing
from tests.cli.doctor.conftest import Cloud, found, one
from tests.conftest import free_port
from tests.kernel.db.pooler import PGBOUNCER, pooling
from tests.nats import NATS, nats

needs_pgbouncer = [
    pytest.mark.full,
    pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed"),
]
needs_nats = [pytest.mark.full, pytest.mark.skipif(NATS is None, reason="nats-server is not installed")]


async def listened(cloud: Cloud, **changes: str) -> list[str]:
    return await found(hearing.check_listener(cloud.place(**changes)))


async def passed(cloud: Cloud, url: str) -> list[str]:
    return await found(hearing.check_fanout(cloud.place(FANOUT_URL=url)))


async def test_directly_from_the_database_notifications_arrive(cloud: Cloud) -> None:
    assert await listened(cloud) == ["✓ notifications arrive, directly"]


async def test_no_way_to_listen_is_a_sentence(cloud: Cloud) -> None:
    dead = f"postgresql://floorwalker_web:hidden@127.0.0.1:{free_port()}/postgres"
    findings = await listened(cloud, DATABASE_LISTEN_URL=dead)
    assert findings == [one(findings, "✗ DATABASE_LISTEN_URL", "cannot be used")]
    assert "hidden" not in findings[0]


@pytest.mark.parametrize(
    ("mode", "setting", "words"),
    [
        pytest.param("transaction", "DATABASE_LISTEN_URL", ["✗ DATABASE_LISTEN_URL", "transaction pooler", "5432"], marks=needs_pgbouncer),
        pytest.param("transaction", "DATABASE_URL", ["✗ DATABASE_URL", "transaction pooler", "DATABASE_LISTEN_URL"], marks=needs_pgbouncer),
        pytest.param("session", "DATABASE_LISTEN_URL", ["✓ notifications arrive, through a session pooler"], marks=needs_pgbouncer),
    ],
)  # fmt: skip
async def test_a_pooler_in_between(cloud: Cloud, mode: str, setting: str, words: list[str]) -> None:
    with pooling(cloud.app_server.home, mode=mode) as pooler:
        findings = await listened(cloud, **{setting: pooler.url()})
    assert findings == [one(findings, *words)]


async def test_without_a_fanout_there_is_nothing_to_say(cloud: Cloud) -> None:
    assert await found(hearing.check_fanout(cloud.place())) == []


async def test_a_nats_that_is_not_there(cloud: Cloud) -> None:
    port = free_port()
    findings = await passed(cloud, f"nats://me:hidden@127.0.0.1:{port}")
    assert findings == [one(findings, "✗ FANOUT_URL", f"cannot be reached at 127.0.0.1:{port}")]
    assert "hidden" not in findings[0]


@pytest.mark.parametrize(
    ("account", "url", "words"),
    [
        pytest.param("", "nats://", ["✓ NATS passes notifications on"], marks=needs_nats),
        pytest.param("{user: me, password: hidden}", "nats://me:hidden@", ["✓ NATS passes notifications on"], marks=needs_nats),
        pytest.param("{user: me, password: hidden}", "nats://me:wrong@", ["✗ FANOUT_URL", "cannot be reached", "Authorization"], marks=needs_nats),
        pytest.param(
            "{user: me, password: hidden, permissions: {subscribe: 'floorwalker.>', publish: 'other.>'}}",
            "nats://me:hidden@", ["✗ FANOUT_URL", "floorwalker.>"], marks=needs_nats,
        ),
        pytest.param(
            "{user: me, password: hidden, permissions: {publish: 'floorwalker.>', subscribe: 'other.>'}}",
            "nats://me:hidden@", ["✗ FANOUT_URL", "floorwalker.>"], marks=needs_nats,
        ),
    ],
)  # fmt: skip
async def test_what_an_account_of_nats_may_do(
    cloud: Cloud, tmp_path: Path, account: str, url: str, words: list[str]
) -> None:
    file = tmp_path / "nats.conf"
    file.write_text(f"authorization: {{users: [{account}]}}" if account else "")
    with nats("-c", str(file)) as bus:
        findings = await passed(cloud, f"{url}127.0.0.1:{bus.port}")
    assert findings == [one(findings, *words)]
    assert "hidden" not in findings[0]
