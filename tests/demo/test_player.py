"""A script as it goes through the agent API, with an API in memory that answers as told."""

import asyncio
import hashlib
import itertools
import json
from typing import Any

import httpx
import pytest

from server.demo import demo, replay
from server.demo.client import AgentClient, Refused
from server.demo.player import Tool, play
from server.demo.scripts import SCRIPTS

KETTLE = SCRIPTS[0]
SPEED = 400


class Api:
    """Takes what the agent API takes; every permission ends as `decision` says."""

    def __init__(self, decision: str = "allowed") -> None:
        self.decision = decision
        self.ids = itertools.count(1)
        self.active: dict[str, str] = {}  # key → interaction
        self.most_active = 0
        self.sent: list[tuple[str, str, Any]] = []
        self.permissions: dict[str, dict[str, Any]] = {}

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        key = request.headers["Authorization"]
        path = request.url.path.removeprefix("/api/v1/")
        body = json.loads(request.content or b"null")
        self.sent.append((request.method, path, body))
        match request.method, path.split("/"):
            case "GET", ["agent"]:
                return httpx.Response(200, json={"active_interaction_id": self.active.get(key)})
            case "POST", ["interactions"]:
                if key in self.active:
                    return httpx.Response(409, json={"detail": "busy"})
                self.active[key] = f"i{next(self.ids)}"
                self.most_active = max(self.most_active, len(self.active))
                return httpx.Response(201, json={"id": self.active[key], "status": "active"})
            case "POST", ["interactions", _, "tool-permissions"]:
                place = f"p{next(self.ids)}"
                digest = hashlib.sha256(json.dumps(body["arguments"], sort_keys=True).encode()).hexdigest()
                self.permissions[place] = {"arguments": body["arguments"], "arguments_digest": digest}
                expires = {"status": "pending", "expires_at": "2999-01-01T00:00:00Z"}
                return httpx.Response(201, json={"id": place, **expires})
            case "GET", ["tool-permissions", place]:
                return httpx.Response(
                    200, json={"status": self.decision, "reason": "so", **self.permissions[place]}
                )
            case "POST", ["tool-permissions", place, "execution"]:
                assert body["arguments_digest"] == self.permissions[place]["arguments_digest"]
                return httpx.Response(201, json={"execution_id": f"e-{place}"})
            case "POST", ["interactions", _, "end"]:
                self.active.pop(key, None)
        return httpx.Response(200, json={})

    def client(self, key: str = "fw_a") -> AgentClient:
        return AgentClient("http://floor.test", key, httpx.MockTransport(self))

    def paths(self) -> list[str]:
        return [f"{method} {path}" for method, path, _ in self.sent]


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
async def test_script_plays_to_its_end(api: Api, script: Any) -> None:
    async with api.client() as client:
        played = await play(client, script, SPEED)
    assert played.trouble is None
    assert [turn.speaker for turn in played.turns] == [
        getattr(step, "speaker", "tool") for step in script.steps
    ]
    asking = [step for step in script.steps if isinstance(step, Tool) and step.asks]
    assert [each.execution_id for each in played.permissions] == [
        f"e-{each.id}" for each in played.permissions
    ]
    assert [each.arguments for each in played.permissions] == [step.arguments for step in asking]
    assert api.sent[-1][2] == {"status": script.status, "archive": script.archive.as_json()}
    assert not api.active


async def test_metrics_come_at_every_turn_and_every_five_seconds(api: Api) -> None:
    async with api.client() as client:
        played = await play(client, KETTLE, SPEED)
    quiet = [metric for metric in played.metrics if metric.feed_text is None]
    assert len(quiet) >= 4
    assert len(played.metrics) >= len(played.turns) + len(quiet)
    stamps = [metric.captured_at for metric in played.metrics]
    assert len(set(stamps)) == len(stamps)
    assert stamps == sorted(stamps)
    assert all(len(metric.feed_text or "") <= 200 for metric in played.metrics)


@pytest.mark.parametrize("decision", ["denied", "timeout", "cancelled"])
async def test_without_a_yes_the_tool_does_not_run(decision: str) -> None:
    api = Api(decision)
    async with api.client() as client:
        played = await play(client, KETTLE, SPEED)
    assert played.trouble is None
    assert [each.status for each in played.permissions] == [decision]
    assert not [path for path in api.paths() if path.endswith("/execution")]
    assert f"issue_refund not run: {decision}: so" in [turn.text for turn in played.turns]
    assert "I may not pay it back myself" in " ".join(turn.text for turn in played.turns)


async def test_busy_agent_is_trouble_and_the_demo_ends_what_was_left(api: Api) -> None:
    async with api.client() as client:
        left = await client.start("voice", KETTLE.phone)
        played = await play(client, KETTLE, SPEED)
        assert isinstance(played.trouble, Refused)
        assert played.interaction_id is None
        await demo._recover(client, played)
    assert api.sent[-1] == ("POST", f"interactions/{left}/end", {"status": "failed"})
    assert not api.active


async def test_replay_keeps_order_and_one_interaction_an_agent(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "AgentClient", lambda _, key: api.client(key))
    agents: list[tuple[str, Any]] = [("fw_v", "voice"), ("fw_c", "chat"), ("fw_d", "chat")]
    scripts = [script for script in SCRIPTS if script.channel == "chat"] * 3
    played = await replay.replay(
        "http://floor.test", agents, scripts, speed=SPEED, at_once=2, voice_share=0.34
    )
    assert [each.script.name for each in played] == [script.name for script in scripts]
    assert not [each.trouble for each in played if each.trouble]
    assert [each.script.channel for each in played].count("voice") == 2
    assert api.most_active == 2
