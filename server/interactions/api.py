"""The calls with which agents report their interactions: start, change, metrics, turns, end, archive."""

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, JsonValue, RootModel, model_validator

from server.errors import Conflict, Invalid, NotFound
from server.interactions import interaction_archives, interaction_turns, interactions, phone_numbers
from server.interactions.realtime_metrics import Metric, Recorder
from server.kernel.db import Connection, lengths
from server.kernel.http import WHOLE, Ask, Call, CapturedAt, Model, Moment, Percent, Text

PhoneNumber = Annotated[
    Text,
    Field(
        max_length=lengths.NAME,
        description="The caller's number, or whatever the telephone system sends in its place. Text that is not a usable number is stored as `caller`.",
    ),
]
CalledNumber = Annotated[
    Text,
    Field(
        max_length=lengths.NAME,
        description="The number that was called. A phone_number without a country code is read as one of its country.",
    ),
]
ShortText = Annotated[Text, Field(min_length=1, max_length=lengths.NAME)]


class Start(Model):
    """A new interaction."""

    interaction_type: Literal["voice", "chat"]
    phone_number: PhoneNumber | None = None
    called_number: CalledNumber | None = None
    livekit_room_id: ShortText | None = None
    external_id: ShortText | None = None


class Change(Model):
    """Values that may become known during an interaction."""

    phone_number: PhoneNumber | None = None
    called_number: CalledNumber | None = None
    livekit_room_id: ShortText | None = None


class Interaction(Model):
    """An interaction."""

    id: UUID
    agent_id: UUID
    interaction_type: Literal["voice", "chat"]
    phone_number: str | None  # in E.164
    caller: str | None  # the text as sent, where it is not a usable number or says more than a number
    called_number: str | None  # in E.164, or as sent where it cannot be read
    livekit_room_id: str | None
    external_id: str | None
    status: Literal["active", "completed", "failed"]
    started_at: Moment
    ended_at: Moment | None
    duration_seconds: int | None
    end_reason: str | None


class Interactions(RootModel[list[Interaction]]):
    """The interactions that match."""


_SOMETHING: list[JsonValue] = [
    {"required": [name], "properties": {name: {"type": kind}}}
    for name, kind in (("sentiment", "string"), ("satisfaction_score", "number"), ("feed_text", "string"))
]  # in JSON Schema: one of these fields is present and not null


class RealtimeMetric(Model):
    """Sentiment, satisfaction (0 to 100) and a feed text at a moment: at least one of the three."""

    model_config = ConfigDict(json_schema_extra={"anyOf": _SOMETHING})
    captured_at: CapturedAt | None = None
    sentiment: Literal["good", "neutral", "critical"] | None = None
    satisfaction_score: Percent | None = None
    feed_text: Annotated[Text, Field(max_length=lengths.FEED_TEXT)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.sentiment is None and self.satisfaction_score is None and self.feed_text is None:
            raise ValueError("a metric has a sentiment, a satisfaction_score or a feed_text")
        return self


class Turn(Model):
    """One utterance of the customer or the agent, or the result of a tool.

    A turn with the external_id of an earlier one replaces it while the text grows; once it is final, only a final one does.
    Without an external_id, turns with the same captured_at, speaker and text are the same. Turns are accepted until ten
    minutes after the end.
    """

    captured_at: CapturedAt | None = None
    speaker: Literal["customer", "agent", "tool"]
    text: Annotated[Text, Field(max_length=lengths.TURN_TEXT)]
    external_id: ShortText | None = None  # a later turn with the same one replaces this turn
    final: bool = False  # the text is complete; only a final turn replaces it
    interrupted: bool = False


Outcome = Literal["stored", "replaced", "merged", "duplicate"]


class Accepted(Model):
    """The outcome of each item, in the order sent; how many were stored, and how many were stored before."""

    stored: int
    duplicates: int
    outcomes: list[Outcome]

    @classmethod
    def of(cls, outcomes: list[Any]) -> Self:
        """Count the outcomes; an item that replaced another or was merged counts as stored."""
        known = outcomes.count("duplicate")
        return cls(stored=len(outcomes) - known, duplicates=known, outcomes=outcomes)


class Issue(Model):
    """One concern of the customer."""

    issue: Annotated[Text, Field(min_length=1, max_length=500)]
    status: Literal["resolved", "unresolved"]
    priority: Literal["low", "medium", "high"] = "medium"


class IssueTag(Model):
    """An issue by its tag. The same tag within three days means that it was not resolved at first contact."""

    tag: ShortText
    status: Literal["resolved", "unresolved"]


class Tags(Model):
    """The subjects of the interaction."""

    topics: Annotated[list[ShortText], Field(max_length=50)] = Field(default_factory=list)
    sentiment: Literal["good", "neutral", "critical"] | None = None
    issues: Annotated[list[IssueTag], Field(max_length=50)] = Field(default_factory=list)


class Archive(Model):
    """The archive of an interaction."""

    summary: Annotated[Text, Field(min_length=1, max_length=lengths.SUMMARY)]
    issues: Annotated[list[Issue], Field(max_length=50)] | None = None
    tags: Tags | None = None
    csat_score: Percent | None = None
    resolution_time_seconds: Annotated[int, Field(ge=0, le=2_000_000_000), WHOLE] | None = None


class StoredArchive(Archive):
    """An archive, and whether its issue was resolved at first contact."""

    interaction_id: UUID
    fcr_status: bool | None
    created_at: Moment


class End(Model):
    """How an interaction ended. One that failed because its agent was silent may be completed later, once."""

    status: Literal["completed", "failed"]
    end_reason: Annotated[Text, Field(min_length=1, max_length=lengths.END_REASON)] | None = None
    archive: Archive | None = None


async def start(ask: Ask, connection: Connection) -> Interaction:
    """Start an interaction."""
    body: Start = ask.body
    phone_number, caller = phone_numbers.read(body.phone_number, body.called_number)
    row = await interactions.start(
        connection,
        ask.agent.id,
        body.interaction_type,
        phone_number,
        caller,
        phone_numbers.read_called(body.called_number),
        body.livekit_room_id,
        body.external_id,
    )
    return Interaction.model_validate(dict(row))


async def read(ask: Ask, connection: Connection) -> Interaction:
    """Read an interaction."""
    return Interaction.model_validate(dict(await interactions.read(connection, ask.id())))


async def find(ask: Ask, connection: Connection) -> Interactions:
    """Find an interaction by its external_id."""
    external_id = ask.request.query_params.get("external_id", "")
    if not 0 < len(external_id) <= lengths.NAME or "\x00" in external_id:
        raise Invalid(f"external_id: it must have 1 to {lengths.NAME} characters, none of them NUL")
    found = await interactions.find(connection, external_id)
    return Interactions([Interaction.model_validate(dict(row)) for row in found])


async def change(ask: Ask, connection: Connection) -> Interaction:
    """Set values that became known."""
    values = ask.body.model_dump(exclude_unset=True)
    if values.keys() & {"phone_number", "called_number"}:
        known = await interactions.read(connection, ask.id(), locked=True)
        values = phone_numbers.read_told(values, dict(known))
    return Interaction.model_validate(dict(await interactions.change(connection, ask.id(), values)))


async def metrics(ask: Ask) -> Accepted:
    """Store one metric or a list; the answer follows the commit."""
    recorder: Recorder = ask.request.state.recorder
    items: list[RealtimeMetric] = ask.body if isinstance(ask.body, list) else [ask.body]
    interaction_id, stamps = ask.id(), recorder.stamps(len(items))
    outcomes = await recorder.record(
        [
            Metric(
                ask.agent.id,
                interaction_id,
                item.captured_at or stamp,
                item.sentiment,
                item.satisfaction_score,
                item.feed_text,
            )
            for item, stamp in zip(items, stamps, strict=True)
        ]
    )
    if "unknown" in outcomes:
        raise NotFound("there is no such interaction")
    if "ended" in outcomes:
        raise Conflict("the interaction has ended")
    if "invalid" in outcomes:  # a value that the models accept and the database does not
        raise Invalid("a metric has a value that cannot be stored")
    return Accepted.of(outcomes)


async def turns(ask: Ask, connection: Connection) -> Accepted:
    """Store one turn or a list."""
    items: list[Turn] = ask.body if isinstance(ask.body, list) else [ask.body]
    return Accepted.of(
        await interaction_turns.add(connection, ask.id(), [item.model_dump(mode="json") for item in items])
    )


async def end(ask: Ask, connection: Connection) -> Interaction:
    """End an interaction, and write its archive if the request has one."""
    body: End = ask.body
    row = await interactions.end(connection, ask.id(), body.status, body.end_reason)
    if body.archive is not None:
        await interaction_archives.put(connection, ask.id(), body.archive.model_dump())
    return Interaction.model_validate(dict(row))


async def archive(ask: Ask, connection: Connection) -> StoredArchive:
    """Write or replace the archive."""
    await interactions.read(connection, ask.id())
    row = await interaction_archives.put(connection, ask.id(), ask.body.model_dump())
    return StoredArchive.model_validate(dict(row))


_ONE = "/interactions/{id}"
CALLS = [
    Call(
        "POST",
        "/interactions",
        "Start",
        Interaction,
        in_transaction=start,
        body=Start,
        example={"interaction_type": "voice", "phone_number": "+14155550123", "external_id": "call-7"},
        status=201,
        steps=lambda _: ["interaction_opened"],
        refusals=(409,),
        because={
            409: "The agent is paused or has an active interaction, or the external_id was used before.",
            422: "Or the interaction_type is not the channel of the agent.",
        },
    ),
    Call(
        "GET",
        "/interactions",
        "The interaction with this external_id, in a list; an empty one where there is none",
        Interactions,
        in_transaction=find,
        query={
            "external_id": {
                "type": "string",
                "minLength": 1,
                "maxLength": lengths.NAME,
                "examples": ["call-7"],
            }
        },
    ),
    Call("GET", _ONE, "The interaction", Interaction, in_transaction=read, refusals=(404,)),
    Call(
        "PATCH",
        _ONE,
        "Set values that became known",
        Interaction,
        in_transaction=change,
        body=Change,
        example={"phone_number": "+14155550124"},
        refusals=(404, 409),
    ),
    Call(
        "POST",
        _ONE + "/metrics",
        "Sentiment, satisfaction and feed, one or a list",
        Accepted,
        handle=metrics,
        body=RealtimeMetric,
        example={
            "sentiment": "critical",
            "satisfaction_score": 31,
            "feed_text": "The customer wants a refund",
        },
        many=True,
        by_stamp=True,
        status=202,
        steps=lambda _: ["first_metric"],
        refusals=(404, 409, 503),
    ),
    Call(
        "POST",
        _ONE + "/turns",
        "The live transcript, one turn or a list",
        Accepted,
        in_transaction=turns,
        body=Turn,
        example={
            "speaker": "customer",
            "text": "I want my money back.",
            "external_id": "turn-1",
            "final": True,
        },
        many=True,
        by_stamp=True,
        status=202,
        refusals=(404, 409),
    ),
    Call(
        "POST",
        _ONE + "/end",
        "End it",
        Interaction,
        in_transaction=end,
        body=End,
        example={"status": "completed", "end_reason": "The customer hung up"},
        refusals=(404, 409),
    ),
    Call(
        "PUT",
        _ONE + "/archive",
        "Write or replace the archive",
        StoredArchive,
        in_transaction=archive,
        body=Archive,
        example={
            "summary": "The customer got a refund for a broken order.",
            "issues": [{"issue": "Broken order", "status": "resolved", "priority": "high"}],
            "tags": {"topics": ["refund"], "sentiment": "good"},
            "csat_score": 82,
        },
        refusals=(404, 409),
    ),
]
