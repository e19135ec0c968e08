"""Plays one script through the agent API, as an agent would, and records the requests and answers."""

import asyncio
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from server.demo.client import (
    AgentClient,
    AgentError,
    Channel,
    Metric,
    Outcome,
    Permission,
    Sentiment,
    Speaker,
    Turn,
)

METRIC_SECONDS = 5.0  # of script time
RUN_SECONDS = 1.0  # the duration of a tool, in script time
FEED_TEXT, TURN_TEXT = 200, 4000


@dataclass(frozen=True, slots=True)
class Say:
    at: float
    speaker: Speaker
    text: str
    satisfaction: int


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool call. One that `asks` runs only when it is allowed; otherwise the agent says `instead`."""

    at: float
    name: str
    arguments: dict[str, Any]
    result: object
    satisfaction: int
    asks: bool = False
    succeeds: bool = True
    description: str | None = None
    instead: str | None = None


@dataclass(frozen=True, slots=True)
class Archive:
    summary: str
    issues: list[dict[str, str]]
    tags: dict[str, Any]
    csat_score: int
    resolution_time_seconds: int

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Script:
    name: str
    channel: Channel
    phone: str
    steps: tuple[Say | Tool, ...]
    status: Outcome
    archive: Archive
    follows: str | None = None  # the script whose customer returns


@dataclass(frozen=True, slots=True)
class Played:
    """Everything that was sent and answered; `trouble` is the error that ended it early, if one did."""

    script: Script
    interaction_id: str | None
    metrics: tuple[Metric, ...]
    turns: tuple[Turn, ...]
    permissions: tuple[Permission, ...]
    trouble: AgentError | None = None


def sentiment(satisfaction: int) -> Sentiment:
    """The sentiment of a score."""
    if satisfaction >= 70:
        return "good"
    return "neutral" if satisfaction >= 40 else "critical"


async def play(client: AgentClient, script: Script, speed: float = 1.0) -> Played:
    """Play the script to its end. An error ends the interaction as failed, and is in the result."""
    try:
        interaction_id = await client.start(script.channel, script.phone)
    except AgentError as error:
        return Played(script, None, (), (), (), error)
    player = _Player(client, script, interaction_id, speed)
    trouble = None
    try:
        await player.play()
    except AgentError as error:
        trouble = error
        await abandon(client, interaction_id)
    return Played(
        script,
        interaction_id,
        tuple(player.metrics),
        tuple(player.turns),
        tuple(player.permissions),
        trouble,
    )


async def clear(client: AgentClient) -> None:
    """End an interaction that an earlier run of this agent left active, because an agent can have only one."""
    try:
        left = (await client.agent()).get("active_interaction_id")
    except AgentError:
        return
    if isinstance(left, str):
        await abandon(client, left)


async def abandon(client: AgentClient, interaction_id: str) -> None:
    """End it as failed, if it has not ended and can be reached."""
    try:
        await client.end(interaction_id, "failed")
    except AgentError:
        return


class _Player:
    """A script that is being played: its time, its satisfaction, and the records so far."""

    def __init__(self, client: AgentClient, script: Script, interaction_id: str, speed: float) -> None:
        self.client = client
        self.script = script
        self.id = interaction_id
        self.speed = speed
        self.metrics: list[Metric] = []
        self.turns: list[Turn] = []
        self.permissions: list[Permission] = []
        self.satisfaction = script.steps[0].satisfaction
        self.began = time.monotonic()  # set later by each wait for a decision, which is not script time
        self.metric_at = 0.0
        self.stamp = datetime.now(UTC)

    async def play(self) -> None:
        for step in self.script.steps:
            await self.until(step.at)
            if isinstance(step, Say):
                self.satisfaction = step.satisfaction
                await self.say(step.speaker, step.text)
            else:
                await self.use(step)
        await self.client.end(self.id, self.script.status, self.script.archive.as_json())

    def now(self) -> float:
        return (time.monotonic() - self.began) * self.speed

    def stamped(self) -> datetime:
        """The present time, always later than the last one, because an interaction's rows are identified by it."""
        self.stamp = max(datetime.now(UTC), self.stamp + timedelta(microseconds=1))
        return self.stamp

    async def until(self, at: float) -> None:
        """Wait until this script time, and send a metric every five seconds."""
        while (left := at - self.now()) > 0:
            due = self.metric_at + METRIC_SECONDS - self.now()
            await asyncio.sleep(max(0, min(left, due)) / self.speed)
            if due <= left:
                await self.metric()

    async def metric(self, feed_text: str | None = None) -> None:
        self.metric_at = self.now()
        line = None if feed_text is None else _cut(feed_text, FEED_TEXT)
        metric = Metric(self.stamped(), sentiment(self.satisfaction), self.satisfaction, line)
        await self.client.metrics(self.id, [metric])
        self.metrics.append(metric)

    async def say(self, speaker: Speaker, text: str) -> None:
        """Send a turn, and a metric at once."""
        turn = Turn(self.stamped(), speaker, _cut(text, TURN_TEXT))
        await self.client.turns(self.id, [turn])
        self.turns.append(turn)
        # The feed has only the name of the tool; its result is in the transcript.
        await self.metric(
            f"Tool: {text.split(':', maxsplit=1)[0]}"
            if speaker == "tool"
            else f"{speaker.capitalize()}: {text}"
        )

    async def use(self, step: Tool) -> None:
        permission = await self.permission(step) if step.asks else None
        if permission and not permission.execution_id:
            await self.say(
                "tool",
                ": ".join(filter(None, [f"{step.name} not run", permission.status, permission.reason])),
            )
            if step.instead:
                await self.say("agent", step.instead)
            return
        await asyncio.sleep(RUN_SECONDS / self.speed)
        if permission:
            await self.client.report(permission, succeeded=step.succeeds, result=step.result)
        self.satisfaction = step.satisfaction
        result = step.result if isinstance(step.result, str) else json.dumps(step.result, ensure_ascii=False)
        await self.say("tool", f"{step.name}: {result}")

    async def permission(self, step: Tool) -> Permission:
        """Ask, wait and claim. Metrics continue meanwhile, so that the agent does not count as silent."""
        asked_at = time.monotonic()
        asked = await self.client.ask(self.id, step.name, step.arguments, step.description)
        self.permissions.append(asked)
        deciding = asyncio.create_task(self.client.decision(asked))
        try:
            while not (await asyncio.wait([deciding], timeout=max(1, METRIC_SECONDS / self.speed)))[0]:
                await self.metric()
            decided = await deciding
        finally:
            deciding.cancel()
            self.began += time.monotonic() - asked_at
            self.metric_at = self.now()
        if decided.allowed:
            decided = await self.client.claim(decided)
        self.permissions[-1] = decided
        return decided


def _cut(text: str, length: int) -> str:
    text = text.strip() or "…"
    return text if len(text) <= length else f"{text[: length - 1]}…"
