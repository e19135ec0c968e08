"""Reads a folder of recorded interactions (JSON Lines and `tools.json`) into scripts to be played.

Turns and tool calls keep their times, words, arguments and results. A tool asks for permission where its
definition says that it writes. Satisfaction, archive and final status follow from the labels (see `moods`).
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from server.demo import moods
from server.demo.client import Channel
from server.demo.player import Archive, Say, Script, Tool, sentiment

TOOLS_OF = {"star": "star_apis", "abcd": "abcd_actions"}  # the others' tools are filed under their domain
RESOLVED = {"resolved", "completed"}
FAILED = {"abandoned", "error"}


class Customer(BaseModel):
    phone: str


class Turn(BaseModel):
    t_offset_s: float
    speaker: Literal["customer", "agent", "action", "tool"]
    text: str = ""
    tool_name: str = ""
    tool_args: dict[str, Any] | None = None
    tool_result: Any = None
    error: bool = False


class Labels(BaseModel):
    intents: list[str] = []
    outcome: Literal["resolved", "unresolved", "completed", "abandoned", "transferred", "error", "absent"] = (
        "absent"
    )
    user_reported_goal_met: bool | None = None
    agent_reported_customer_annoyed: bool | None = None


class Conversation(BaseModel):
    id: str
    source: str
    channel: Channel
    domain: str
    duration_s: float
    customer: Customer
    turns: list[Turn]
    labels: Labels


class Definition(BaseModel):
    name: str
    description: str = ""
    writes: bool = False
    writes_when: dict[str, Any] = {}

    def asks(self, arguments: Mapping[str, Any]) -> bool:
        """Whether a call with these arguments changes anything: some tools only do in one of their modes."""
        return self.writes and all(arguments.get(name) == value for name, value in self.writes_when.items())


Definitions = Mapping[tuple[str, str], Definition]


def read(folder: Path) -> list[Script]:
    """Every interaction of `folder/conversations/*.jsonl`, file by file, as they stand."""
    paths = sorted((folder / "conversations").glob("*.jsonl"))
    if not paths:
        raise FileNotFoundError(f"no conversations/*.jsonl in {folder}")
    definitions = _definitions(folder / "tools.json")
    return [
        script(Conversation.model_validate_json(line), definitions)
        for path in paths
        for line in path.read_text().splitlines()
        if line.strip()
    ]


def _definitions(path: Path) -> Definitions:
    domains = json.loads(path.read_text())["domains"]
    return {
        (domain, tool["name"]): Definition.model_validate(tool)
        for domain, content in domains.items()
        for tool in content["tools"]
    }


def script(conversation: Conversation, definitions: Definitions) -> Script:
    labels = conversation.labels
    known = moods.Labels(
        outcome=labels.outcome,
        goal_met=labels.user_reported_goal_met,
        annoyed=labels.agent_reported_customer_annoyed,
        failed_calls=sum(turn.error for turn in conversation.turns),
    )
    return Script(
        name=conversation.id,
        channel=conversation.channel,
        phone=conversation.customer.phone,
        steps=tuple(_steps(conversation, definitions, known)),
        status="failed" if labels.outcome in FAILED else "completed",
        archive=_archive(conversation, moods.target(known)),
    )


def _steps(
    conversation: Conversation, definitions: Definitions, labels: moods.Labels
) -> Iterator[Say | Tool]:
    turns = conversation.turns
    mood = moods.Mood(labels, sum(turn.speaker in ("customer", "agent") for turn in turns))
    domain = TOOLS_OF.get(conversation.source, conversation.domain)
    for turn, after in zip(turns, [*turns[1:], None], strict=True):
        if turn.speaker in ("customer", "agent"):
            speaker: Literal["customer", "agent"] = "customer" if turn.speaker == "customer" else "agent"
            yield Say(
                turn.t_offset_s, speaker, turn.text, mood.heard(turn.text, customer=speaker == "customer")
            )
        elif turn.speaker == "action":
            answered = after is not None and after.speaker == "tool"
            result = after.tool_result if after and answered else turn.text or None
            failed = bool(after and answered and after.error)
            arguments = turn.tool_args or {}
            definition = definitions.get((domain, turn.tool_name), Definition(name=turn.tool_name))
            yield Tool(
                at=turn.t_offset_s,
                name=turn.tool_name,
                arguments=arguments,
                result=result,
                satisfaction=mood.called(failed=failed),
                asks=definition.asks(arguments),
                succeeds=not failed,
                description=definition.description or None,
            )


def _archive(conversation: Conversation, csat_score: int) -> Archive:
    outcome = conversation.labels.outcome
    solved = outcome in RESOLVED or (outcome == "absent" and csat_score >= moods.START)
    status = "resolved" if solved else "unresolved"
    priority = "low" if solved else "medium" if csat_score >= 40 else "high"
    intents = conversation.labels.intents
    wanted = ", ".join(map(_words, intents)) or "a question"
    how = "without a recorded outcome" if outcome == "absent" else outcome
    return Archive(
        summary=f"{_words(conversation.domain).capitalize()}: the customer came about {wanted}; {how}.",
        issues=[{"issue": _words(intent), "status": status, "priority": priority} for intent in intents],
        tags={
            "topics": [conversation.domain],
            "sentiment": sentiment(csat_score),
            "issues": [{"tag": intent, "status": status} for intent in intents],
        },
        csat_score=csat_score,
        resolution_time_seconds=round(conversation.duration_s),
    )


def _words(name: str) -> str:
    return name.replace("_", " ").replace("-", " ")
