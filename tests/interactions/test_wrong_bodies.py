"""The sender of a wrong body is told the place, as they wrote it, and what is expected there."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from server.app import CALLS
from tests.app_server import AppServer

FOREIGN = re.compile(
    r"function|Validator|RealtimeMetric|pydantic|Input should|dict\b|\bstr\b|\bint\b|NoneType|list\[|Value error|_says|"
    r"Literal|JsonValue|codec|Expecting$|class |Optional|Annotated|recursion depth|EOF"
)
MOMENT = 'expected a moment with its offset from UTC, such as "2026-11-28T09:30:00Z"'
MOODS = 'expected "good", "neutral" or "critical"'
SAYS_NOTHING = "a metric has a sentiment, a satisfaction_score or a feed_text"
OBJECT = "expected an object"
EITHER = "expected an object or a list of objects"
UNKNOWN, REQUIRED = "is not a field here: leave it out", "is required"
NO_TEXT = "has characters that are no text (NUL or a lone surrogate)"

START = "POST /interactions"
CHANGE = "PATCH /interactions/{id}"
METRICS = "POST /interactions/{id}/metrics"
TURNS = "POST /interactions/{id}/turns"
END = "POST /interactions/{id}/end"
ARCHIVE = "PUT /interactions/{id}/archive"
ASK = "POST /interactions/{id}/tool-permissions"
CLAIM = "POST /tool-permissions/{id}/execution"
REPORT = "PATCH /tool-permissions/{id}/execution"
ID = "6b8700ce-67c6-437b-862d-d7a60abc76d7"

WRONG: list[tuple[str, Any, dict[str, str]]] = [
    (START, [], {"": f"{OBJECT}, not a list"}),
    (START, {}, {"interaction_type": REQUIRED}),
    (
        START,
        {"interaction_type": "fax", "agent_id": ID},
        {"interaction_type": 'expected "voice" or "chat"', "agent_id": UNKNOWN},
    ),
    (START, {"interaction_type": 1}, {"interaction_type": 'expected "voice" or "chat", not a number'}),
    (
        START,
        {"interaction_type": "voice", "phone_number": 7},
        {"phone_number": "expected text, not a number"},
    ),
    (
        START,
        {"interaction_type": "voice", "external_id": ""},
        {"external_id": "expected 1 character or more"},
    ),
    (
        START,
        {"interaction_type": "voice", "livekit_room_id": "x" * 256},
        {"livekit_room_id": "expected 255 characters at most, and there are 256"},
    ),
    (CHANGE, {"livekit_room_id": ["x"]}, {"livekit_room_id": "expected text, not a list"}),
    (CHANGE, {"external_id": "x", "a b": 1}, {"external_id": UNKNOWN, '["a b"]': UNKNOWN}),
    (METRICS, "good", {"": EITHER}),
    (METRICS, 7, {"": EITHER}),
    (METRICS, None, {"": EITHER}),
    (METRICS, {}, {"": SAYS_NOTHING}),
    (METRICS, [], {"": "expected 1 item or more"}),
    (METRICS, [{}], {"[0]": SAYS_NOTHING}),
    (METRICS, [{"sentiment": "good"}, 7], {"[1]": f"{OBJECT}, not a number"}),
    (METRICS, [{"sentiment": "good"}] * 101, {"": "expected 100 items at most, and there are 101"}),
    (METRICS, {"sentiment": "angry"}, {"sentiment": MOODS}),
    (
        METRICS,
        [{"sentiment": "good"}] * 3
        + [{"sentiment": "angry", "captured_at": "now", "satisfaction_score": 101}],
        {"[3].sentiment": MOODS, "[3].captured_at": MOMENT, "[3].satisfaction_score": "expected 100 or less"},
    ),
    (METRICS, {"sentiment": "good", "captured_at": "2026-11-01T10:00:00"}, {"captured_at": MOMENT}),
    (METRICS, {"sentiment": "good", "captured_at": -1}, {"captured_at": MOMENT}),
    (
        METRICS,
        {"sentiment": "good", "captured_at": "1999-01-01T00:00:00Z"},
        {"captured_at": "is before the year 2000"},
    ),
    (METRICS, {"satisfaction_score": "5"}, {"satisfaction_score": "expected a number, not text"}),
    (METRICS, {"satisfaction_score": True}, {"satisfaction_score": "expected a number, not true or false"}),
    (METRICS, {"satisfaction_score": -0.5}, {"satisfaction_score": "expected 0 or more"}),
    (METRICS, {"feed_text": "a\0b"}, {"feed_text": NO_TEXT}),
    (TURNS, 7, {"": EITHER}),
    (TURNS, {"speaker": "robot"}, {"speaker": 'expected "customer", "agent" or "tool"', "text": REQUIRED}),
    (TURNS, [{"speaker": "agent", "text": None}], {"[0].text": "expected text, not null"}),
    (END, {"status": "active"}, {"status": 'expected "completed" or "failed"'}),
    (END, {"status": "failed", "archive": []}, {"archive": f"{OBJECT}, not a list"}),
    (
        END,
        {
            "status": "failed",
            "archive": {"summary": "x", "tags": {"topics": ["a", "b", 7]}, "issues": [{"issue": ""}]},
        },
        {
            "archive.issues[0].issue": "expected 1 character or more",
            "archive.issues[0].status": REQUIRED,
            "archive.tags.topics[2]": "expected text, not a number",
        },
    ),
    (ARCHIVE, {"summary": "x", "tags": {"topics": 7}}, {"tags.topics": "expected a list, not a number"}),
    (
        ARCHIVE,
        {"summary": "x", "tags": {"topics": ["x"] * 51}},
        {"tags.topics": "expected 50 items at most, and there are 51"},
    ),
    (
        ARCHIVE,
        {"summary": "x", "resolution_time_seconds": 1.5},
        {"resolution_time_seconds": "expected a whole number, not one with a fraction"},
    ),
    (ASK, {"tool_name": "x", "arguments": []}, {"arguments": f"{OBJECT}, not a list"}),
    (ASK, {"tool_name": "x", "arguments": {"n": "\0"}}, {"arguments": NO_TEXT}),
    (ASK, {"tool_name": "x", "tool_description": {}}, {"tool_description": "expected text, not an object"}),
    (CLAIM, {}, {"arguments_digest": REQUIRED}),
    (CLAIM, {"arguments_digest": None}, {"arguments_digest": "expected text, not null"}),
    (
        REPORT,
        {"execution_id": "x", "succeeded": 1},
        {"execution_id": "expected a UUID", "succeeded": "expected true or false, not a number"},
    ),
    (REPORT, {"execution_id": 7, "succeeded": True}, {"execution_id": "expected a UUID, not a number"}),
]
UNREADABLE: list[tuple[str, bytes, str]] = [
    (START, b"", "line 1 column 1"),
    (START, b"{", "line 1 column 2"),
    (START, b"\xff\xfe", "byte 0 is not UTF-8"),
    (START, b"[" * 5000, "nested too deeply"),
    (START, b'{"interaction_type": NaN}', "NaN is no number of JSON"),
    (ASK, b'{"tool_name": "x", "arguments": ' + b'{"a":' * 300 + b"1" + b"}" * 300 + b"}", "nested too deeply"),
    (ASK, b'{"tool_name": "x", "arguments": {"n": -Infinity}}', "-Infinity is no number of JSON"),
    (METRICS, b"", "it ends within"),
    (METRICS, b"[{", "it ends within"),
    (METRICS, b'{"satisfaction_score": NaN}', "a number that is neither NaN nor infinite"),
    (METRICS, b"[" * 5000, "nested too deeply"),
    (METRICS, b'{"feed_text": "\\ud800"}', "escape"),
]  # fmt: skip


@pytest.fixture(scope="module")
async def api(app_server: AppServer) -> AsyncIterator[tuple[httpx.AsyncClient, dict[str, str]]]:
    """An agent's client, and the ids that the paths of its calls are about."""
    agent = (await app_server.hire("voice")).agents[0]
    live = await app_server.start(agent)
    asked = await app_server.ask(agent, live)
    async with app_server.api(agent) as client:
        yield client, {"interactions": live, "tool-permissions": asked["id"]}


async def send(api: tuple[httpx.AsyncClient, dict[str, str]], call: str, raw: bytes) -> dict[str, Any]:
    client, ids = api
    method, _, path = call.partition(" ")
    answer = await client.request(method, path.replace("{id}", ids[path.split("/")[1]]), content=raw)
    assert answer.status_code == 422, answer.text
    assert not FOREIGN.search(answer.text), answer.text
    problem: dict[str, Any] = answer.json()
    return problem


@pytest.mark.parametrize(("call", "body", "expected"), WRONG, ids=lambda value: str(value)[:60])
async def test_each_place_that_is_wrong_is_named_once_with_what_is_expected_there(
    api: tuple[httpx.AsyncClient, dict[str, str]], call: str, body: Any, expected: dict[str, str]
) -> None:
    problem = await send(api, call, json.dumps(body).encode())
    assert [(one["field"], one["message"]) for one in problem["errors"]] == sorted(
        expected.items(), key=lambda item: [one["field"] for one in problem["errors"]].index(item[0])
    )
    for place, sentence in expected.items():
        assert (f"{place}: {sentence}" if place else sentence) in problem["detail"]


def test_every_call_with_a_body_is_in_the_table() -> None:
    assert {call for call, _, _ in WRONG} == {f"{call.method} {call.path}" for call in CALLS if call.body}


@pytest.mark.parametrize(("call", "raw", "words"), UNREADABLE, ids=lambda value: str(value)[:40])
async def test_what_is_no_json_is_told_in_words(
    api: tuple[httpx.AsyncClient, dict[str, str]], call: str, raw: bytes, words: str
) -> None:
    assert words in (await send(api, call, raw))["detail"]


async def test_whole_seconds_may_be_written_as_a_decimal(app_server: AppServer) -> None:
    agent = (await app_server.hire("chat")).agents[0]
    live = await app_server.start(agent)
    body = {"status": "completed", "archive": {"summary": "x", "resolution_time_seconds": 14821.0}}
    async with app_server.api(agent) as client:
        assert (await client.post(f"/interactions/{live}/end", json=body)).status_code == 200
    async with app_server.database() as owner:
        kept = await owner.fetchval(
            "select resolution_time_seconds from interaction_archives where interaction_id = $1::text::uuid",
            live,
        )
    assert kept == 14821
