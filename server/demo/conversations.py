"""A recorded conversation as a script to be played.

Turns and tool calls keep their times, words, arguments and results. A tool asks for permission where its
definition says that it writes. Satisfaction, archive and final status follow from the labels (see `moods`).
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from server.demo import moods
from server.demo.client import Channel
from server.demo.player import Archive, Say, Script, Tool, sentiment

# The tools of these sources are stored under a name of their own, those of other sources under the domain.
TOOLS_OF = {"star": "star_apis", "abcd": "abcd_actions"}
RESOLVED = {"resolved", "completed"}
FAILED = {"abandoned", "error"}


_DAY = 24 * 3600  # seconds; the longest recording that is played
_SUMMARY = 500  # characters

Seconds = Annotated[float, Field(ge=0, le=_DAY)]
Name = Annotated[str, Field(min_length=1, max_length=255)]


class Recorded(BaseModel):
    """A part of a record. Other fields are ignored."""

    model_config = ConfigDict(allow_inf_nan=False)


class Customer(Recorded):
    phone: Annotated[str, Field(max_length=50)]


class Turn(Recorded):
    t_offset_s: Seconds
    speaker: Literal["customer", "agent", "action", "tool"]
    text: str = ""
    tool_name: Annotated[str, Field(max_length=255)] = ""
    tool_args: dict[str, Any] | None = None
    tool_result: Any = None
    error: bool = False

    @model_validator(mode="after")
    def _names_its_tool(self) -> Self:
        if self.speaker == "action" and not self.tool_name:
            raise ValueError("an action has a tool_name")
        return self


class Labels(Recorded):
    intents: Annotated[list[Name], Field(max_length=50)] = []
    outcome: Literal["resolved", "unresolved", "completed", "abandoned", "transferred", "error", "absent"] = (
        "absent"
    )
    user_reported_goal_met: bool | None = None
    agent_reported_customer_annoyed: bool | None = None


class Conversation(Recorded):
    id: Name
    source: str
    channel: Channel
    domain: Name
    duration_s: Annotated[float, Field(ge=0, le=2_000_000_000)]
    customer: Customer
    turns: list[Turn]
    labels: Labels

    @model_validator(mode="after")
    def _has_something_to_play(self) -> Self:
        if all(turn.speaker == "tool" for turn in self.turns):
            raise ValueError("nobody says anything in it, and no tool is called")
        return self


class Definition(Recorded):
    name: Name
    description: str = ""
    writes: bool = False
    writes_when: dict[str, Any] = {}

    def asks(self, arguments: Mapping[str, Any]) -> bool:
        """Whether a call with these arguments writes; some tools write in one of their modes only (`writes_when`)."""
        return self.writes and all(arguments.get(name) == value for name, value in self.writes_when.items())


Definitions = Mapping[tuple[str, str], Definition]


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
        summary=f"{_words(conversation.domain).capitalize()}: the customer came about {wanted}; {how}."[
            :_SUMMARY
        ],
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
