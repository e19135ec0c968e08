"""The calls with which an agent asks to use a tool, waits for the decision, and runs the tool once."""

import asyncio
import datetime as dt
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, JsonValue

from server.errors import Invalid
from server.kernel.auth import Limits
from server.kernel.db import Connection, lengths
from server.kernel.http import Ask, Call, Json, JsonObject, Model, Moment, Text, json_digest, size_of
from server.kernel.live import Hub
from server.permissions import tool_permissions

_LARGEST = 32 * 1024  # bytes of arguments, because a person has to read them
_LONGEST_WAIT = 55
# Seconds between two reads of an allow that is due, in case this clock is ahead of the database's.
_SHORTEST_WAIT = 0.25


class Request(Model):
    """A tool that the agent wants to use, with its arguments."""

    tool_name: Annotated[Text, Field(min_length=1, max_length=lengths.NAME)]
    tool_description: Annotated[Text, Field(max_length=lengths.TOOL_DESCRIPTION)] | None = None
    arguments: JsonObject = Field(
        default_factory=dict,
        description=f"{_LARGEST} bytes of JSON at most. No key twice in one object, no number that a 64-bit float changes,"
        " no half of a surrogate pair.",
    )
    accepts_changes: bool = Field(
        default=False,
        description="Whether the tool may run with other arguments where a person changes them: then run it with changed_arguments.",
    )


class ToolPermission(Model):
    """A request and its decision. Every status but allowed means no."""

    id: UUID
    interaction_id: UUID
    tool_name: str
    status: Literal["pending", "allowed", "denied", "timeout", "cancelled"]
    reason: str | None
    arguments: dict[str, JsonValue]
    arguments_digest: str = Field(
        description="SHA-256 over the arguments in the canonical form of RFC 8785, in hexadecimal."
    )
    responded_by: str | None
    requested_at: Moment
    responded_at: Moment | None
    expires_at: Moment
    execute_before: Moment | None
    executed_at: Moment | None
    execution_succeeded: bool | None
    accepts_changes: bool
    changed_arguments: dict[str, JsonValue] | None = Field(
        description="The arguments that a person allowed instead. The execution is claimed with changed_arguments_digest alone."
    )
    changed_arguments_digest: str | None
    proposed_arguments: dict[str, JsonValue] | None = Field(
        description="What a person proposed with a denial."
    )


class Claim(Model):
    """The digest of the arguments the tool will be run with."""

    arguments_digest: Annotated[Text, Field(max_length=128)]


class Execution(Model):
    """Permission to run the tool, once."""

    execution_id: UUID


class Report(Model):
    """The result of the execution."""

    execution_id: UUID
    succeeded: bool
    result: Json = None


def _answer(row: Any) -> ToolPermission:
    return ToolPermission.model_validate({name: row[name] for name in ToolPermission.model_fields})


async def request(ask: Ask, connection: Connection) -> ToolPermission:
    """Ask for permission."""
    body: Request = ask.body
    raw = await ask.request.body()
    if len(raw) > _LARGEST and (size := size_of(raw, "arguments")) > _LARGEST:
        raise Invalid(f"arguments: they have {size} bytes of JSON, and {_LARGEST} is the limit")
    return _answer(
        await tool_permissions.request(
            connection,
            ask.id(),
            body.tool_name,
            body.tool_description,
            body.arguments,
            json_digest(body.arguments),
            body.accepts_changes,
        )
    )


async def wait(ask: Ask) -> ToolPermission:
    """The request as it is now; with `wait`, as soon as it is decided, or after that many seconds."""
    seconds = ask.request.query_params.get("wait", "0")
    if not (seconds.isdecimal() and len(seconds) <= 2 and int(seconds) <= _LONGEST_WAIT):
        raise Invalid(f"wait must be a whole number of seconds from 0 to {_LONGEST_WAIT}")
    row = await _read(ask)
    if seconds == "0" or row["status"] != "pending":
        return _answer(row)
    limits: Limits = ask.request.state.limits
    hub: Hub = ask.request.state.hub
    closing: asyncio.Event = ask.request.state.closing

    async def look() -> Any:
        await ask.still()
        return await _read(ask)

    with limits.waiting(ask.agent.key_id):
        row = await hub.wait_for(
            row,
            look,
            topics=lambda row: (
                f"tool_permissions:{row['supervisor_id']}",
                f"agent_keys:{ask.agent.id}",
                tool_permissions.decided_here(ask.id()),
            ),
            until=lambda row: row["status"] != "pending" or closing.is_set(),
            again=_until_it_takes_effect,
            seconds=int(seconds),
        )
    return _answer(row)


def _until_it_takes_effect(row: Any) -> float:
    """Seconds until a held allow can become the decision. Nothing is notified at that moment: the next read makes it the decision."""
    if not row["held_until"]:
        return _LONGEST_WAIT
    until: float = (row["held_until"] - dt.datetime.now(dt.UTC)).total_seconds()
    return max(until, _SHORTEST_WAIT)


async def _read(ask: Ask) -> Any:
    return await tool_permissions.read(ask.request.state.db, ask.agent, ask.id())


async def cancel(ask: Ask, connection: Connection) -> ToolPermission:
    """Take back a request, because the customer interrupted or the model changed its mind."""
    return _answer(await tool_permissions.cancel(connection, ask.id()))


async def claim(ask: Ask, connection: Connection) -> Execution:
    """Claim the one execution before the tool runs."""
    digest = ask.body.arguments_digest
    return Execution(execution_id=await tool_permissions.claim_execution(connection, ask.id(), digest))


async def report(ask: Ask, connection: Connection) -> ToolPermission:
    """Report the result of the execution."""
    body: Report = ask.body
    return _answer(
        await tool_permissions.report_execution(
            connection, ask.id(), body.execution_id, succeeded=body.succeeded, result=body.result
        )
    )


def _steps(answer: Any) -> list[str]:
    """A rule's answer is no decision of a person."""
    return ["decision_delivered"] if answer["responded_by"] else []


_ONE = "/tool-permissions/{id}"
CALLS = [
    Call(
        "POST",
        "/interactions/{id}/tool-permissions",
        "Ask to use a tool",
        ToolPermission,
        in_transaction=request,
        body=Request,
        example={"tool_name": "issue_refund", "arguments": {"order_id": "A-1001", "amount": 42.5}},
        status=201,
        urgent=True,
        steps=lambda answer: ["permission_requested", *_steps(answer)],
        refusals=(404, 409),
    ),
    Call(
        "GET",
        _ONE,
        "The request and its decision; with wait, once it is decided",
        ToolPermission,
        handle=wait,
        steps=_steps,
        refusals=(404,),
        query={
            "wait": {"type": "integer", "minimum": 0, "maximum": _LONGEST_WAIT, "examples": [_LONGEST_WAIT]}
        },
    ),
    Call(
        "DELETE",
        _ONE,
        "Take the request back while it is pending; repeating it is no error",
        ToolPermission,
        in_transaction=cancel,
        urgent=True,
        refusals=(404, 409),
    ),
    Call(
        "POST",
        _ONE + "/execution",
        "Claim the one execution, before the tool runs",
        Execution,
        in_transaction=claim,
        body=Claim,
        example={"arguments_digest": "$DIGEST"},
        status=201,
        urgent=True,
        refusals=(404, 409),
    ),
    Call(
        "PATCH",
        _ONE + "/execution",
        "Report the result of the execution",
        ToolPermission,
        in_transaction=report,
        body=Report,
        example={"execution_id": "$EXECUTION", "succeeded": True, "result": {"refund": "R-77"}},
        refusals=(404, 409),
    ),
]
