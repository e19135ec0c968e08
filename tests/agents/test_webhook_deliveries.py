"""An interaction that ended is told to the callback_url of its agent: once, again after a failure, and to no private address."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from server.kernel.providers import addresses, post
from tests.agents.conftest import edited, row
from tests.agents.receiver import Receiver, receiving
from tests.app_server import Agent, AppServer, Person
from tests.conftest import free_port, prepared, serving, until


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


async def configured(admin: httpx.AsyncClient, agent: Agent, url: str, **fields: str) -> None:
    answer = await edited(admin, agent.id, 1, name=agent.name, callback_url=url, **fields)
    assert answer.status_code == 303, answer.text


async def ended(app_server: AppServer, agent: Agent, **fields: Any) -> UUID:
    """An interaction that began and ended."""
    interaction = await app_server.start(agent, **fields)
    async with app_server.api(agent) as api:
        answer = await api.post(f"/interactions/{interaction}/end", json={"status": "completed"})
        assert answer.status_code == 200
    return UUID(interaction)


async def settled(app_server: AppServer, interaction: UUID, attempts: int = 1) -> dict[str, Any]:
    """The delivery about this interaction after so many attempts have ended."""

    async def over() -> bool:
        async with app_server.database() as owner:
            return bool(
                await owner.fetchval(
                    "select bool_and(attempts = $2 and answer is not null) from webhook_deliveries where interaction_id = $1",
                    interaction,
                    attempts,
                )
            )

    await until(over)
    return await row(
        app_server,
        """select id, attempts, next_at is not null as again, delivered_at is not null as delivered, http_status, answer,
          round(extract(epoch from next_at - clock_timestamp())) as seconds from webhook_deliveries where interaction_id = $1""",
        interaction,
    )


async def due_now(app_server: AppServer, interaction: UUID) -> None:
    async with app_server.database() as owner:
        await owner.execute(
            "update webhook_deliveries set next_at = now(), answer = null where interaction_id = $1",
            interaction,
        )


async def test_the_receiver_is_told_what_ended_and_nothing_of_the_customer(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person, receiver: Receiver
) -> None:
    agent = voice.agents[0]
    await configured(admin, agent, receiver.url, custom_metadata='{"campaign": "spring"}')
    interaction = await ended(app_server, agent, phone_number="+18505550177", external_id="call-7")
    found = await settled(app_server, interaction)
    assert (found["delivered"], found["again"], found["http_status"]) == (True, False, 204)
    [(headers, body)] = receiver.got
    assert receiver.paths == ["/done?a=1"]
    assert UUID(headers["webhook-id"]).version == 4
    assert int(headers["webhook-timestamp"]) > 1_700_000_000
    assert body["type"] == "interaction.ended"
    data = body["data"]
    assert data["interaction_id"] == str(interaction)
    assert (data["external_id"], data["status"], data["is_test"]) == ("call-7", "completed", False)
    assert data["custom_metadata"] == {"campaign": "spring"}
    assert "8505550177" not in str(body)
    for browser in (admin, None):
        async with app_server.browser_of(voice) as own:
            page = (await (browser or own).get(f"/agents/{agent.id}")).text
            assert "delivered" in page[page.index("Callbacks") :]


async def test_an_agent_without_a_callback_tells_nobody(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person
) -> None:
    interaction = await ended(app_server, voice.agents[0])
    found = await row(
        app_server, "select count(*) from webhook_deliveries where interaction_id = $1", interaction
    )
    assert found["count"] == 0
    assert "Callbacks" not in (await admin.get(f"/agents/{voice.agents[0].id}")).text


async def test_a_failure_is_repeated_with_the_same_id(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person, receiver: Receiver
) -> None:
    agent = voice.agents[0]
    receiver.answers = [(500, b"<b>out of order</b>\0" + b"x" * 1_000_000), (302, b"")]
    await configured(admin, agent, receiver.url)
    interaction = await ended(app_server, agent)
    found = await settled(app_server, interaction)
    assert (found["delivered"], found["again"], found["http_status"]) == (False, True, 500)
    assert found["answer"].startswith("<b>out of order</b>\ufffd")
    assert len(found["answer"]) == 500
    page = (await admin.get(f"/agents/{agent.id}")).text
    assert "not delivered after 1 attempt" in " ".join(page.split())
    assert "&lt;b&gt;out of order" in page
    await due_now(app_server, interaction)
    found = await settled(app_server, interaction, 2)
    assert (found["http_status"], found["again"]) == (302, True)
    assert receiver.paths == ["/done?a=1"] * 2  # a redirect is not followed
    assert 20 < found["seconds"] <= 30
    await due_now(app_server, interaction)
    assert (await settled(app_server, interaction, 3))["delivered"]
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1


@pytest.mark.parametrize(("status", "before", "again"), [(410, 0, False), (503, 5, True), (503, 6, False)])
async def test_it_is_given_up_when_told_to_or_at_the_seventh_failure(
    app_server: AppServer, voice: Person, receiver: Receiver, status: int, before: int, again: bool
) -> None:
    receiver.answers = [(status, b"no")]
    interaction = await ended(app_server, voice.agents[0])
    async with app_server.database() as owner:
        await owner.execute(
            """insert into webhook_deliveries (agent_id, interaction_id, event, url, host, attempts)
            values ($1, $2, 'interaction.ended', $3, 'x', $4)""",
            voice.agents[0].id,
            interaction,
            receiver.url,
            before,
        )
    found = await settled(app_server, interaction, before + 1)
    assert (found["delivered"], found["again"], found["http_status"]) == (False, again, status)


@pytest.mark.full
async def test_one_that_does_not_answer_delays_no_other(tmp_path: Path, receiver: Receiver) -> None:
    # One process alone: of each, four requests go to one host.
    with (
        serving(prepared(tmp_path / "home"), free_port()) as app_server,
        receiving() as hanging,
    ):
        hanging.hangs.set()
        slow, quick = (await app_server.hire("voice", agents=2)).agents
        async with app_server.browser_of(await app_server.hire("admin")) as admin:
            await configured(admin, slow, hanging.url)
            await configured(admin, quick, receiver.url)
        first = await ended(app_server, slow)
        await until(lambda: _begun(hanging))
        async with app_server.database() as database:
            await database.execute(
                """insert into webhook_deliveries (agent_id, interaction_id, event, url, host)
                select agent_id, interaction_id, event, url, host from webhook_deliveries d, generate_series(1, 600)
                where interaction_id = $1""",
                first,
            )
        interaction = await ended(app_server, quick)
        assert (await settled(app_server, interaction))["delivered"]
        assert 0 < hanging.most <= 4


async def _begun(receiver: Receiver) -> bool:
    return bool(receiver.got)


@pytest.mark.full
async def test_what_was_completed_late_is_told_again(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person, receiver: Receiver
) -> None:
    agent = voice.agents[0]
    await configured(admin, agent, receiver.url)
    interaction = UUID(await app_server.start(agent))
    async with app_server.database() as owner:
        await owner.execute(
            "update interaction_pulse set last_seen_at = now() - interval '1 day' where interaction_id = $1",
            interaction,
        )
    await until(lambda: _told(receiver, ["failed"]))
    async with app_server.api(agent) as api:
        for _ in range(2):
            await api.post(f"/interactions/{interaction}/end", json={"status": "completed"})
    await until(lambda: _told(receiver, ["failed", "completed"]))


async def _told(receiver: Receiver, statuses: list[str]) -> bool:
    return [body["data"]["status"] for _, body in receiver.got] == statuses


PRIVATE = (
    "http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://[::1]:{port}/", "http://2130706433:{port}/",
    "http://0x7f.1:{port}/", "http://[::ffff:127.0.0.1]:{port}/", "http://0.0.0.0:{port}/", "http://169.254.169.254/",
    "http://10.0.0.1/", "http://[fe80::1]/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/", "http://224.0.0.1/",
    "http://100.64.0.1/",
)  # fmt: skip


@pytest.mark.parametrize("url", PRIVATE)
async def test_a_private_address_is_refused_in_words(receiver: Receiver, url: str) -> None:
    port = httpx.URL(receiver.url).port
    answer = await post(url.format(port=port), b"{}", {}, private=False)
    assert answer.status is None
    assert "a private address, which WEBHOOKS_PRIVATE=1 would allow" in answer.head
    assert not receiver.got


async def test_the_connection_goes_to_the_address_that_was_checked(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, asked = asyncio.get_running_loop(), []
    real = loop.getaddrinfo

    async def rebinds(host: str, port: int, **options: Any) -> Any:
        """A name that is another address whenever it is asked for again."""
        asked.append(host)
        return await real("127.0.0.1" if len(asked) == 1 else "127.0.0.2", port, **options)

    monkeypatch.setattr(loop, "getaddrinfo", rebinds)
    monkeypatch.setattr(addresses, "public", lambda address: address == "127.0.0.1")
    url = f"http://calls.example.com:{httpx.URL(receiver.url).port}/"
    assert (await post(url, b"{}", {}, private=False)).good
    [(headers, _)] = receiver.got
    assert headers["Host"] == url.removeprefix("http://").rstrip("/")
    assert asked.count("calls.example.com") == 1


@pytest.mark.parametrize(
    "url", ["http://nobody.invalid/", "http://127.0.0.1:1/", "http://[::1", "http://" + "a" * 300]
)
async def test_what_cannot_be_reached_says_so(url: str) -> None:
    answer = await post(url, b"{}", {}, private=True)
    assert answer.status is None
    assert answer.head.startswith("no connection: ")
