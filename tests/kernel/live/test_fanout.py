"""Hubs that share one LISTEN connection over a real NATS: which topics they receive, and what they ask NATS for."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from nats.aio.client import Client
from nats.aio.subscription import Subscription

from server.kernel.live import Topics, fanout
from server.kernel.live.fanout import Fanout
from tests.app_server import AppServer
from tests.conftest import until
from tests.kernel.live.hubs import (
    Truth,
    counting,
    hearing,
    leader_of,
    listeners,
    named,
    nats_of,
    notify,
    noting,
    settled,
    subscribed,
    together,
)
from tests.nats import NATS, Nats, nats

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(NATS is None, reason="nats-server is not installed"),
]


@pytest.fixture
def bus() -> Iterator[Nats]:
    with nats() as running:
        yield running


async def test_one_listens_and_everybody_hears(app_server: AppServer, bus: Nats) -> None:
    mine, other = f"agents:{uuid4()}", f"agents:{uuid4()}"
    async with together(app_server, bus) as hubs:
        heard: list[list[str]] = [[] for _ in hubs]
        for hub, ring in zip(hubs, heard, strict=True):
            hub.topics.subscribe([mine], noting(ring))
        await until(lambda: bool(heard) and all(hub.role == "leader" or subscribed(hub) for hub in hubs))
        await asyncio.sleep(0.2)
        for ring in heard:
            ring.clear()
        await notify(app_server, other, mine)
        await until(lambda: all(ring == [mine] for ring in heard))
        assert await listeners(app_server, hubs) == 1


async def test_a_topic_rings_its_own_and_everybodys_once_each(app_server: AppServer, bus: Nats) -> None:
    whose = uuid4()
    heard: dict[str, list[str]] = {"one": [], "all": []}
    async with together(app_server, bus, 2) as hubs:
        follower = next(hub for hub in hubs if hub.role == "follower")
        follower.topics.subscribe([f"agents:{whose}"], noting(heard["one"]))
        follower.topics.subscribe(["agents:*"], noting(heard["all"]))
        await until(lambda: heard["one"] and heard["all"])
        heard["one"].clear()
        heard["all"].clear()
        await notify(app_server, f"agents:{whose}", f"interactions:{whose}")
        await until(lambda: heard["one"] and heard["all"])
        await asyncio.sleep(0.2)
    assert heard == {"one": [f"agents:{whose}"], "all": [f"agents:{whose}"]}


async def test_only_what_somebody_waits_for_is_subscribed_to(app_server: AppServer, bus: Nats) -> None:
    whose = uuid4()
    async with together(app_server, bus) as hubs:
        [leader] = [hub for hub in hubs if hub.role == "leader"]
        first, second = [hub for hub in hubs if hub.role == "follower"]
        assert Counter(await bus.subjects()) == {"all": 2, "ear": 1}
        leave = [
            first.topics.subscribe(
                [f"agents:{whose}", f"interactions:{whose}"], lambda _topic, _certain: None
            ),
            second.topics.subscribe(["agents:*", f"agents:{whose}"], lambda _topic, _certain: None),
            leader.topics.subscribe([f"agents:{uuid4()}"], lambda _topic, _certain: None),
        ]
        wanted = {"all": 2, "ear": 1, f"{whose}.*": 2, "*.agents": 1}

        async def subscribed() -> bool:
            return Counter(await bus.subjects()) == wanted

        await until(subscribed)
        for unsubscribe in leave:
            unsubscribe()
        again = first.topics.subscribe([f"agents:{whose}"], lambda _topic, _certain: None)
        wanted = {"all": 2, "ear": 1, f"{whose}.*": 1}
        await until(subscribed)
        again()
        wanted = {"all": 2, "ear": 1}
        await until(subscribed)
        assert nats_of(first).idle


async def test_pages_that_come_and_go_ask_little_of_nats(
    app_server: AppServer, bus: Nats, monkeypatch: pytest.MonkeyPatch
) -> None:
    topics = [f"{table}:{uuid4()}" for table in ("agents", "interactions") for _ in range(200)]
    async with together(app_server, bus, 2) as hubs:
        follower = next(hub for hub in hubs if hub.role == "follower")
        asked: list[str] = []
        subscribe = Client.subscribe

        async def counted(self: Client, subject: str, **more: Any) -> Subscription:
            asked.append(subject)
            return await subscribe(self, subject, **more)

        monkeypatch.setattr(Client, "subscribe", counted)
        for _ in range(50):
            for unsubscribe in [
                follower.topics.subscribe([topic], lambda _topic, _certain: None) for topic in topics
            ]:
                unsubscribe()
            await asyncio.sleep(0.02)
        await until(lambda: len(nats_of(follower).subjects) == 401)
        assert len(asked) < 500, "each was subscribed to once"
        await until(lambda: len(nats_of(follower).subjects) == 1)
        assert nats_of(follower).idle
        assert settled(hubs)


async def test_more_than_it_can_read_rings_everything(
    app_server: AppServer, bus: Nats, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rings beyond the limit are replaced: every topic is rung, once and not once for each."""
    monkeypatch.setattr(fanout, "UNREAD", 5)
    heard: Counter[str] = Counter()
    topics = [f"agents:{uuid4()}" for _ in range(5000)]
    async with together(app_server, bus, 2) as hubs:
        follower = next(hub for hub in hubs if hub.role == "follower")
        follower.topics.subscribe(["agents:*", "interactions:*"], counting(heard))
        await until(lambda: heard["interactions:*"] and subscribed(follower))
        await asyncio.sleep(0.2)
        heard.clear()
        await notify(app_server, *topics)
        await until(lambda: heard["interactions:*"])
        assert heard["interactions:*"] < 200
        assert not all(heard[topic] for topic in topics)
        assert settled(hubs)


async def test_more_than_the_leader_can_pass_on_rings_everything(app_server: AppServer, bus: Nats) -> None:
    heard: Counter[str] = Counter()
    async with together(app_server, bus, 2) as hubs:
        leader = leader_of(hubs)
        assert leader is not None
        follower = next(hub for hub in hubs if hub.role == "follower")
        follower.topics.subscribe(["interactions:*"], counting(heard))
        await until(lambda: heard["interactions:*"])
        await asyncio.sleep(0.2)
        heard.clear()
        for number in range(30_000):
            nats_of(leader).pass_on(f"agents:{number}")
        await until(lambda: heard["interactions:*"])
        assert settled(hubs)


async def test_two_databases_do_not_ring_one_another(app_server: AppServer, bus: Nats) -> None:
    """Even where their supervisors have the same ids, as in a copy."""
    topic = f"agents:{uuid4()}"
    address = app_server.database_url("floorwalker_web").replace("/postgres?", "/template1?")
    async with together(app_server, bus, 2) as hubs, hearing(address, bus.url) as copy:
        await until(lambda: copy.role == "leader")
        async with hearing(address, bus.url) as second:
            await until(lambda: second.role == "follower")
            rung: dict[str, list[str]] = {"here": [], "there": []}
            follower = next(hub for hub in hubs if hub.role == "follower")
            follower.topics.subscribe([topic], noting(rung["here"]))
            second.topics.subscribe([topic], noting(rung["there"]))
            await until(lambda: rung["here"] and rung["there"])
            for heard in rung.values():
                heard.clear()
            await notify(app_server, topic)
            await until(lambda: rung["here"])
            await asyncio.sleep(0.3)
            assert not rung["there"]


async def test_a_refused_subscription_is_not_believed(app_server: AppServer) -> None:
    """NATS keeps a connection whose subscriptions it refuses, and a follower would receive nothing without knowing."""
    with nats() as bus:
        config = bus.log.parent / "nats.conf"
        config.write_text(
            "authorization { users: [ { user: floor, password: 'wh@t', permissions: {"
            " publish: 'floorwalker.>', subscribe: ['floorwalker.inbox.>', 'floorwalker.*.ear', 'floorwalker.*.all'] } } ] }"
        )
        bus.kill()
        bus.options = ("-c", str(config))
        bus.start()
        address = bus.url.replace("//", "//floor:wh%40t@")
        topic = f"agents:{uuid4()}"
        truth = Truth()
        async with hearing(named(app_server), address) as leader:
            await until(lambda: leader.role == "leader")
            async with hearing(named(app_server), address) as other:
                truth.watch([other], [topic])
                for number in range(1, 20):
                    truth.numbers[topic] = number
                    await notify(app_server, topic)
                    await until(lambda: not truth.missed([other]))
                    await asyncio.sleep(0.1)


@pytest.mark.parametrize("who", ["floor:secret@", "secret@", ""])
async def test_tls_is_insisted_on_before_the_password_is_said(app_server: AppServer, who: str) -> None:
    """A server without TLS, or somebody in between who claims so, never receives the password."""
    with nats("-DV") as bus:
        line = await Fanout(f"tls://{who}127.0.0.1:{bus.port}").open("any", Topics(), asyncio.Event())
        assert line is None
        plain = await Fanout(f"nats://{who}127.0.0.1:{bus.port}").open("any", Topics(), asyncio.Event())
        assert plain is not None
        assert not plain.lost
        await plain.close()
        said = [text for text in bus.log.read_text().splitlines() if "<<- [CONNECT" in text]
        assert len(said) == (1 if who else 2)


async def test_tls_is_spoken_and_the_server_known(
    app_server: AppServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate(tmp_path)
    options = ("--tls", "--tlscert", str(tmp_path / "cert"), "--tlskey", str(tmp_path / "key"))
    with nats(*options, "--user", "floor", "--pass", "wh@t") as bus:
        address = f"tls://floor:wh%40t@localhost:{bus.port}"
        assert await Fanout(address).open("any", Topics(), asyncio.Event()) is None, "nobody vouches for it"
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert"))
        assert await Fanout(address.replace("wh%40t", "wrong")).open("any", Topics(), asyncio.Event()) is None
        async with (
            hearing(named(app_server), address) as leader,
            hearing(named(app_server), address) as other,
        ):
            await until(lambda: settled([leader, other]))


def certificate(folder: Path) -> None:
    """A certificate of localhost that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key").write_bytes(private)
