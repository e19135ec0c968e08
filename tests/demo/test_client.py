"""The client when the network, the server or a supervisor fails."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from server.demo import client as module
from server.demo.client import AgentClient, Permission, Refused, Unreachable, digest_of

LATER = datetime.now(UTC) + timedelta(days=1)  # however long the tests before it take
ASKED = Permission("p1", "issue_refund", {"amount": 5, "to": ["card"]}, "pending", LATER)
ALLOWED = {
    "id": "p1",
    "status": "allowed",
    "reason": None,
    "arguments": {"to": ["card"], "amount": 5},
    "arguments_digest": digest_of(ASKED.arguments),
    "responded_by": "johndoe",
}


class FakeAPI:
    """A network that gives prepared answers in turn, and keeps the requests."""

    def __init__(self, *answers: httpx.Response | Exception | dict[str, Any]) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    def client(self) -> AgentClient:
        return AgentClient("http://floor.test", "fw_key", httpx.MockTransport(self))


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that the client asked for."""
    made: list[float] = []

    async def pause(seconds: float) -> None:
        made.append(seconds)

    # only its own, because servers of other tests pause in other threads
    monkeypatch.setattr(module, "asyncio", SimpleNamespace(sleep=pause))
    return made


async def test_lost_connection_is_tried_again_under_the_same_key(pauses: list[float]) -> None:
    api = FakeAPI(httpx.ConnectError("refused"), httpx.Response(503), {"id": "i1"})
    async with api.client() as client:
        assert await client.start("chat", "+12125550100") == "i1"
    assert len({request.headers["Idempotency-Key"] for request in api.requests}) == 1
    assert len(pauses) == 2
    assert str(api.requests[0].url) == "http://floor.test/api/v1/interactions"
    assert api.requests[0].headers["Authorization"] == "Bearer fw_key"


async def test_two_requests_have_two_keys() -> None:
    api = FakeAPI({"id": "i1"}, {"id": "i2"})
    async with api.client() as client:
        assert [await client.start("chat", "+12125550100"), await client.start("chat", "+12125550100")] == [
            "i1",
            "i2",
        ]
    assert len({request.headers["Idempotency-Key"] for request in api.requests}) == 2


async def test_too_many_requests_waits_as_long_as_told(pauses: list[float]) -> None:
    api = FakeAPI(httpx.Response(429, headers={"Retry-After": "7"}), httpx.Response(202))
    async with api.client() as client:
        await client.metrics("i1", [])
    assert pauses == [7]


async def test_attempts_are_bounded(pauses: list[float]) -> None:
    api = FakeAPI(*[httpx.ConnectError("refused")] * module.ATTEMPTS)
    async with api.client() as client:
        with pytest.raises(Unreachable, match="refused"):
            await client.end("i1", "completed")
    assert not api.answers
    assert 10 < sum(pauses) < 30


async def test_refusal_is_not_repeated_and_keeps_the_problem() -> None:
    api = FakeAPI(httpx.Response(409, json={"detail": "The agent is paused."}))
    async with api.client() as client:
        with pytest.raises(Refused, match="409 The agent is paused") as refusal:
            await client.start("voice", "+12125550100")
    assert refusal.value.status == 409


async def test_decision_is_waited_for_until_it_comes() -> None:
    api = FakeAPI(ALLOWED | {"status": "pending"}, ALLOWED)
    async with api.client() as client:
        decided = await client.decision(ASKED)
    assert decided.allowed
    assert (decided.responded_by, decided.arguments_digest) == ("johndoe", ALLOWED["arguments_digest"])
    assert api.requests[0].url.params["wait"] == "25"


@pytest.mark.parametrize("status", ["denied", "timeout", "cancelled", "surprising"])
async def test_everything_but_allowed_is_a_no(status: str) -> None:
    async with FakeAPI(ALLOWED | {"status": status}).client() as client:
        assert not (await client.decision(ASKED)).allowed


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404),
        httpx.Response(200, text="<html>a proxy's page</html>"),
        ALLOWED | {"arguments": {"amount": 500, "to": ["card"]}},
        {name: value for name, value in ALLOWED.items() if name != "arguments_digest"},
        ALLOWED | {"arguments_digest": digest_of({"amount": 500, "to": ["card"]})},
    ],
    ids=["unknown", "no JSON", "other arguments", "no digest", "digest of others"],
)
async def test_trouble_with_a_decision_is_a_no(answer: httpx.Response | dict[str, Any]) -> None:
    async with FakeAPI(answer).client() as client:
        assert not (await client.decision(ASKED)).allowed


async def test_unreachable_server_is_a_no(pauses: list[float]) -> None:
    async with FakeAPI(*[httpx.ReadError("gone")] * module.ATTEMPTS).client() as client:
        decided = await client.decision(ASKED)
    assert (decided.status, decided.allowed) == ("unreachable", False)


async def test_pending_long_after_its_time_is_a_no() -> None:
    late = Permission(
        "p1", "issue_refund", ASKED.arguments, "pending", datetime.now(UTC) - timedelta(minutes=2)
    )
    async with FakeAPI(ALLOWED | {"status": "pending"}).client() as client:
        assert not (await client.decision(late)).allowed


@pytest.mark.parametrize(
    ("answer", "execution_id"),
    [
        (lambda: httpx.Response(201, json={"execution_id": "e1"}), "e1"),
        (lambda: httpx.Response(409, json={"detail": "Already claimed."}), None),
    ],
)
async def test_only_a_claim_that_was_granted_has_an_execution(
    answer: Callable[[], httpx.Response], execution_id: str | None
) -> None:
    api = FakeAPI(answer())
    async with api.client() as client:
        assert (await client.claim(ASKED)).execution_id == execution_id
    assert json.loads(api.requests[0].content) == {"arguments_digest": digest_of(ASKED.arguments)}
