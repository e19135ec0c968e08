"""The agent API of interactions, and everything that may be wrong with what agents send."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.app_server import AppServer, Person

PROBLEM = "application/problem+json"
ARCHIVE = {
    "summary": "A late parcel, found again.",
    "issues": [{"issue": "Late parcel", "status": "resolved", "priority": "high"}],
    "tags": {"topics": ["delivery"], "sentiment": "good", "issues": [{"tag": "late", "status": "resolved"}]},
    "csat_score": 91.5,
    "resolution_time_seconds": 240,
}


@pytest.fixture
async def api(app_server: AppServer, voice: Person) -> AsyncIterator[httpx.AsyncClient]:
    async with app_server.api(voice.agents[0]) as client:
        yield client


@pytest.fixture(scope="module")
async def refused(app_server: AppServer) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    agent = (await app_server.hire("voice")).agents[0]
    async with app_server.api(agent) as client:
        yield client, await app_server.start(agent)


@pytest.fixture
async def live(app_server: AppServer, voice: Person) -> str:
    return await app_server.start(voice.agents[0], phone_number="+18505550155")


async def rows(app_server: AppServer, table: str, interaction: str) -> list[Any]:
    order = "timestamp" if table == "realtime_metrics" else "created_at"
    async with app_server.database() as owner:
        return list(
            await owner.fetch(
                f"select * from {table} where interaction_id = $1::text::uuid order by {order}", interaction
            )
        )


def is_problem(answer: httpx.Response, status: int, *words: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    body = answer.json()
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    for word in words:
        assert word in body["detail"], body["detail"]


async def test_from_start_to_archive(api: httpx.AsyncClient, app_server: AppServer, voice: Person) -> None:
    start = {"interaction_type": "voice", "livekit_room_id": "room-1", "external_id": "call-1"}
    answer = await api.post("/interactions", json=start)
    assert answer.status_code == 201
    found = answer.json()
    assert (found["status"], found["phone_number"], found["ended_at"], found["external_id"]) == (
        "active",
        None,
        None,
        "call-1",
    )
    one = f"/interactions/{found['id']}"
    changed = await api.patch(one, json={"phone_number": "+1 (850) 555-0155"})
    assert (changed.status_code, changed.json()["phone_number"], changed.json()["livekit_room_id"]) == (
        200,
        "+18505550155",
        "room-1",
    )
    assert (await api.get(one)).json() == changed.json()
    assert (await api.post(f"{one}/end", json={"status": "completed"})).json()["duration_seconds"] >= 0
    archived = await api.put(f"{one}/archive", json=ARCHIVE)
    assert (archived.status_code, archived.json()["fcr_status"], archived.json()["csat_score"]) == (
        200,
        True,
        91.5,
    )
    replaced = await api.put(f"{one}/archive", json={"summary": "Shorter."})
    assert (replaced.json()["summary"], replaced.json()["issues"], replaced.json()["fcr_status"]) == (
        "Shorter.",
        None,
        None,
    )
    assert len(await rows(app_server, "interaction_archives", found["id"])) == 1


async def test_end_takes_the_archive_along_and_may_be_said_twice(
    api: httpx.AsyncClient, app_server: AppServer, live: str
) -> None:
    body = {"status": "completed", "archive": ARCHIVE}
    first, second = [await api.post(f"/interactions/{live}/end", json=body) for _ in range(2)]
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()
    assert (await rows(app_server, "interaction_archives", live))[0]["fcr_status"] is True
    is_problem(await api.post(f"/interactions/{live}/end", json={"status": "failed"}), 409, "completed")


async def test_a_wrong_archive_does_not_end_the_interaction(api: httpx.AsyncClient, live: str) -> None:
    for wrong in (
        {**ARCHIVE, "csat_score": 101},
        {**ARCHIVE, "issues": [{"issue": "x", "status": "maybe"}]},
        {**ARCHIVE, "summary": ""},
    ):
        is_problem(
            await api.post(f"/interactions/{live}/end", json={"status": "completed", "archive": wrong}),
            422,
            "archive",
        )
    assert (await api.get(f"/interactions/{live}")).json()["status"] == "active"
    is_problem(await api.put(f"/interactions/{live}/archive", json=ARCHIVE), 409, "active")


async def test_a_second_interaction_a_paused_agent_and_another_channel(
    api: httpx.AsyncClient, app_server: AppServer, voice: Person
) -> None:
    is_problem(await api.post("/interactions", json={"interaction_type": "chat"}), 422, "voice agent")
    live = await app_server.start(voice.agents[0], external_id="same")
    is_problem(await api.post("/interactions", json={"interaction_type": "voice"}), 409, "active")
    await api.post(f"/interactions/{live}/end", json={"status": "failed"})
    is_problem(
        await api.post("/interactions", json={"interaction_type": "voice", "external_id": "same"}),
        409,
        "external_id",
    )
    async with app_server.browser_of(voice) as browser:
        assert (
            await browser.post(f"/agents/{voice.agents[0].id}/pause", data={"paused": "yes"})
        ).status_code == 303
        is_problem(await api.post("/interactions", json={"interaction_type": "voice"}), 409, "paused")
        await browser.post(f"/agents/{voice.agents[0].id}/pause", data={"paused": "no"})
    assert (await api.post("/interactions", json={"interaction_type": "voice"})).status_code == 201


CALLS: list[tuple[str, str, Any]] = [
    ("GET", "/interactions/{}", None),
    ("PATCH", "/interactions/{}", {"livekit_room_id": "x"}),
    ("POST", "/interactions/{}/metrics", {"sentiment": "good"}),
    ("POST", "/interactions/{}/turns", {"speaker": "agent", "text": "x"}),
    ("POST", "/interactions/{}/tool-permissions", {"tool_name": "issue_refund"}),
    ("POST", "/interactions/{}/end", {"status": "completed"}),
    ("PUT", "/interactions/{}/archive", {"summary": "x"}),
]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
async def test_what_is_not_the_agents_does_not_exist(
    app_server: AppServer, voice: Person, chat: Person, method: str, path: str, body: Any
) -> None:
    theirs = chat.agents[0]
    ended = await app_server.start(theirs)
    async with app_server.api(theirs) as other:
        await other.post(f"/interactions/{ended}/end", json={"status": "completed"})
    running = await app_server.start(theirs)
    async with app_server.api(voice.agents[0]) as api:
        answers = [
            await api.request(method, path.format(one), json=body)
            for one in (uuid4(), "7", "%00", "null", running, ended)
        ]
    for answer in answers:
        is_problem(answer, 404)
    assert (
        len({answer.json()["detail"] for answer in answers if "there is no such thing" not in answer.text})
        == 1
    )
    async with app_server.database() as owner:
        assert (
            await owner.fetchval("select status from interactions where id = $1::text::uuid", running)
            == "active"
        )


NOT_LATE = [call for call in CALLS if call[0] != "GET" and not call[1].endswith(("end", "archive", "turns"))]


@pytest.mark.parametrize(("method", "path", "body"), NOT_LATE)
async def test_an_ended_interaction_takes_nothing_more(
    api: httpx.AsyncClient, live: str, method: str, path: str, body: Any
) -> None:
    await api.post(f"/interactions/{live}/end", json={"status": "completed"})
    is_problem(await api.request(method, path.format(live), json=body), 409, "ended")


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"\xff\xfe", b"null", b"7", b'"text"', b"[]", b"[" * 5000, b"NaN", b"{} {}"]
)
@pytest.mark.parametrize(
    "path",
    [
        "/interactions",
        "/interactions/{}/metrics",
        "/interactions/{}/end",
        "/interactions/{}/tool-permissions",
    ],
)
async def test_what_is_no_json_object_is_422(
    refused: tuple[httpx.AsyncClient, str], path: str, raw: bytes
) -> None:
    api, live = refused
    is_problem(await api.post(path.format(live), content=raw), 422)


@pytest.mark.parametrize(
    ("path", "raw", "field"),
    [
        ("/interactions", '{"interaction_type": "fax"}', "interaction_type"),
        ("/interactions", '{"interaction_type": 1}', "interaction_type"),
        ("/interactions", '{"interaction_type": "voice", "agent_id": "x"}', "agent_id"),
        ("/interactions", '{"interaction_type": "voice", "phone_number": 18505550155}', "phone_number"),
        ("/interactions", '{"interaction_type": "voice", "external_id": ""}', "external_id"),
        ("/interactions", '{"interaction_type": "voice", "external_id": "a\\u0000b"}', "external_id"),
        ("/interactions", '{"interaction_type": "voice", "external_id": "\\ud800"}', ""),
        ("/interactions/{}/metrics", '{"satisfaction_score": 101}', "satisfaction_score"),
        ("/interactions/{}/metrics", '{"satisfaction_score": -0.01}', "satisfaction_score"),
        ("/interactions/{}/metrics", '{"satisfaction_score": NaN}', "satisfaction_score"),
        ("/interactions/{}/metrics", '{"satisfaction_score": Infinity}', "satisfaction_score"),
        ("/interactions/{}/metrics", '{"satisfaction_score": 1e999}', "satisfaction_score"),
        ("/interactions/{}/metrics", '{"satisfaction_score": ' + "9" * 5000 + "}", "number"),
        ("/interactions/{}/metrics", '{"satisfaction_score": {}}', "satisfaction_score"),
        ("/interactions/{}/metrics", '{"sentiment": "angry"}', "sentiment"),
        ("/interactions/{}/metrics", "{}", "metric"),
        ("/interactions/{}/metrics", '{"feed_text": "a\\u0000b"}', "feed_text"),
        ("/interactions/{}/metrics", '{"feed_text": "' + "x" * 501 + '"}', "feed_text"),
        (
            "/interactions/{}/metrics",
            '{"sentiment": "good", "captured_at": "2026-11-01T10:00:00"}',
            "captured_at",
        ),
        (
            "/interactions/{}/metrics",
            '{"sentiment": "good", "captured_at": "1999-01-01T00:00:00Z"}',
            "captured_at",
        ),
        (
            "/interactions/{}/metrics",
            '{"sentiment": "good", "captured_at": "9999-12-31T23:59:59-23:59"}',
            "captured_at",
        ),
        ("/interactions/{}/metrics", '{"sentiment": "good", "captured_at": 1e30}', "captured_at"),
        ("/interactions/{}/metrics", "[" + ",".join(['{"sentiment": "good"}'] * 101) + "]", "100"),
        ("/interactions/{}/turns", '{"speaker": "robot", "text": "x"}', "speaker"),
        ("/interactions/{}/turns", '{"speaker": "agent", "text": "' + "x" * 4001 + '"}', "text"),
        ("/interactions/{}/turns", '{"speaker": "agent", "text": "\\u0000"}', "text"),
        ("/interactions/{}/end", '{"status": "active"}', "status"),
        ("/interactions/{}/tool-permissions", '{"tool_name": "x", "arguments": []}', "arguments"),
        ("/interactions/{}/tool-permissions", '{"tool_name": "x", "arguments": null}', "arguments"),
        ("/interactions/{}/tool-permissions", '{"tool_name": "x", "arguments": {"n": NaN}}', ""),
        ("/interactions/{}/tool-permissions", '{"tool_name": "x", "arguments": {"n": 1e999}}', ""),
        (
            "/interactions/{}/tool-permissions",
            '{"tool_name": "x", "arguments": {"n": ' + "9" * 5000 + "}}",
            "",
        ),
        ("/interactions/{}/tool-permissions", '{"tool_name": "x", "arguments": {"n": "\\udc00"}}', ""),
        (
            "/interactions/{}/tool-permissions",
            '{"tool_name": "x", "arguments": ' + '{"a":' * 300 + "1" + "}" * 300 + "}",
            "",
        ),
        ("/interactions/{}/tool-permissions", '{"tool_name": "x", "status": "allowed"}', "status"),
        ("/interactions/{}/tool-permissions", '{"tool_name": "\\u0000"}', "tool_name"),
        ("/interactions/{}/tool-permissions", '{"tool_name": "x", "arguments": {"n": "\\u0000"}}', ""),
        ("/interactions/{}/tool-permissions", '{"tool_name": "x", "arguments": {"\\u0000": 1}}', ""),
    ],
    ids=lambda value: str(value)[:70],
)
async def test_values_that_cannot_be_are_422_with_words(
    refused: tuple[httpx.AsyncClient, str], path: str, raw: str, field: str
) -> None:
    api, live = refused
    is_problem(await api.post(path.replace("{}", live), content=raw), 422, field)


async def test_a_body_over_the_limit_is_413_announced_or_not(api: httpx.AsyncClient, live: str) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b'{"speaker": "agent", "text": "'
        for _ in range(300):
            yield b"x" * 1024

    path = f"/interactions/{live}/turns"
    is_problem(await api.post(path, content=b" " * (256 * 1024 + 1)), 413, "262144")
    is_problem(await api.post(path, content=parts()), 413, "262144")
    padded = b'{"speaker": "agent", "text": "x"}' + b" " * (256 * 1024 - 33)
    assert (await api.post(path, content=padded)).status_code == 202


def counted(answer: httpx.Response) -> tuple[int, int]:
    return answer.json()["stored"], answer.json()["duplicates"]


async def test_metrics_one_or_a_list_stamped_or_not_and_repeated(
    api: httpx.AsyncClient, app_server: AppServer, live: str
) -> None:
    path = f"/interactions/{live}/metrics"
    stamp = dt.datetime.now(dt.UTC).isoformat()
    one = {
        "captured_at": stamp,
        "sentiment": "neutral",
        "satisfaction_score": 55.5,
        "feed_text": "Asks for the bill",
    }
    answers = [await api.post(path, json=one) for _ in range(2)]
    assert [(a.status_code, counted(a)) for a in answers] == [(202, (1, 0)), (202, (0, 1))]
    unstamped = [{"satisfaction_score": n} for n in range(100)]
    assert counted(await api.post(path, json=unstamped)) == (100, 0)
    found = await rows(app_server, "realtime_metrics", live)
    assert [float(row["satisfaction_score"]) for row in found] == [55.5, *range(100)]
    assert len({row["timestamp"] for row in found}) == 101
    twice = [one, {**one, "captured_at": (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1)).isoformat()}]
    assert counted(await api.post(path, json=[*twice, twice[1]])) == (1, 2)


async def test_one_foreign_interaction_in_a_batch_does_not_spoil_the_others(
    app_server: AppServer, voice: Person, chat: Person
) -> None:
    mine, theirs = await app_server.start(voice.agents[0]), await app_server.start(chat.agents[0])
    stamp = dt.datetime.now(dt.UTC).isoformat()
    metric = {"captured_at": stamp, "sentiment": "good", "satisfaction_score": 88}
    async with app_server.api(voice.agents[0]) as thief, app_server.api(chat.agents[0]) as owner:
        answers = await asyncio.gather(
            thief.post(f"/interactions/{theirs}/metrics", json={**metric, "sentiment": "critical"}),
            owner.post(f"/interactions/{theirs}/metrics", json=metric),
            thief.post(f"/interactions/{uuid4()}/metrics", json=metric),
            thief.post(f"/interactions/{mine}/metrics", json=metric),
        )
    assert [answer.status_code for answer in answers] == [404, 202, 404, 202]
    assert counted(answers[1]) == (1, 0)
    assert [row["sentiment"] for row in await rows(app_server, "realtime_metrics", theirs)] == ["good"]


async def test_turns_one_or_a_list_and_repeated(
    api: httpx.AsyncClient, app_server: AppServer, live: str
) -> None:
    path = f"/interactions/{live}/turns"
    stamp = dt.datetime.now(dt.UTC).isoformat()
    turns = [
        {"speaker": "customer", "text": "Hello 👋"},
        {"captured_at": stamp, "speaker": "tool", "text": ""},
    ]
    assert counted(await api.post(path, json=turns)) == (2, 0)
    assert counted(await api.post(path, json=turns[1])) == (0, 1)
    texts = sorted(row["text"] for row in await rows(app_server, "interaction_turns", live))
    assert texts == ["", "Hello 👋"]


async def test_the_same_key_gives_the_same_answer_and_one_row(
    api: httpx.AsyncClient, app_server: AppServer, voice: Person
) -> None:
    body = {"interaction_type": "voice", "external_id": "e"}
    headers = {"Idempotency-Key": "start-1"}
    answers = await asyncio.gather(*(api.post("/interactions", json=body, headers=headers) for _ in range(6)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert [answer.headers.get("idempotent-replayed") for answer in answers].count("true") == 5
    other = {"interaction_type": "voice"}
    is_problem(await api.post("/interactions", json=other, headers=headers), 422, "Idempotency-Key")
    end = await api.post(
        f"/interactions/{answers[0].json()['id']}/end", json={"status": "failed"}, headers=headers
    )
    is_problem(end, 422, "Idempotency-Key")


async def test_a_refused_request_does_not_use_up_its_key(api: httpx.AsyncClient, live: str) -> None:
    headers, body = {"Idempotency-Key": "later"}, {"interaction_type": "voice"}
    is_problem(await api.post("/interactions", json=body, headers=headers), 409)
    await api.post(f"/interactions/{live}/end", json={"status": "failed"})
    assert (await api.post("/interactions", json=body, headers=headers)).status_code == 201


async def test_two_agents_may_use_the_same_idempotency_key(
    app_server: AppServer, voice: Person, chat: Person
) -> None:
    ids = set()
    for person, channel in ((voice, "voice"), (chat, "chat")):
        async with app_server.api(person.agents[0]) as api:
            answer = await api.post(
                "/interactions", json={"interaction_type": channel}, headers={"Idempotency-Key": "1"}
            )
        assert answer.status_code == 201
        ids.add(answer.json()["id"])
    assert len(ids) == 2


@pytest.mark.parametrize("key", ["", "k" * 256, "a\tb"])
async def test_a_key_that_is_no_key_is_422(api: httpx.AsyncClient, key: str) -> None:
    answer = await api.post(
        "/interactions", json={"interaction_type": "voice"}, headers={"Idempotency-Key": key}
    )
    is_problem(answer, 422, "Idempotency-Key")
