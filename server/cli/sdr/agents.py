"""Agents of ai-sdr, each with its tools."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from server.cli.sdr import tools, values
from server.cli.sdr.file import Row
from server.cli.sdr.report import Outcome, Report
from server.errors import Conflict, Forbidden, Invalid, NotFound
from server.kernel import db
from server.kernel.db import Connection, Record, Sentences

REFUSALS = (Conflict, Forbidden, Invalid, NotFound)  # of one row; any other error ends the import
_SUPERVISOR = """
select id from public.users where role = 'supervisor' and supervisor_type = 'voice' and deactivated_at is null
  and coalesce(banned_until <= now(), true) and (id::text = lower($1) or lower(email) = lower($1) or username = lower($1))
"""
_KNOWN = "select * from public.agents where id = $1 for no key update"
_INSERT = """
insert into public.agents (id, supervisor_id, agent_type, name, system_prompt, first_message, voice_provider, voice_id,
  model_provider, model_name, interrupt_enabled, silence_threshold_seconds, created_at, retired_at)
values ($1, $2, 'voice', $3, $4, $5, $6, $7, $8, $9, $10, $11, coalesce($12, now()), case when $13 then null else now() end)
"""
_UPDATE = """
update public.agents set name = $2, system_prompt = $3, first_message = $4, voice_provider = $5, voice_id = $6,
  model_provider = $7, model_name = $8, interrupt_enabled = $9, silence_threshold_seconds = $10 where id = $1
"""
_BUSY = "select exists (select from public.interactions where agent_id = $1 and status = 'active')"
_RETIRE = "update public.agents set retired_at = now() where id = $1"


@dataclass(slots=True)
class Written:
    """What became of an agent and of each of its tools."""

    agent: tuple[Outcome, list[str]]
    tools: list[tuple[Row, Outcome, list[str]]]


async def supervisor(connection: Connection, given: str) -> UUID | None:
    """The active voice supervisor with this id, e-mail address or username."""
    found: UUID | None = await connection.fetchval(_SUPERVISOR, given.strip())
    return found


async def write_all(
    connection: Connection,
    sentences: Sentences,
    agent_rows: Iterable[Row],
    tool_rows: Iterable[Row],
    fallback: UUID | None,
    report: Report,
) -> None:
    """Write every agent with its tools, or refuse them together. `fallback` supervises agents whose user_id is nobody here."""
    of_agent: dict[Any, list[Row]] = {}
    for tool in tool_rows:
        of_agent.setdefault(tool["agent_id"], []).append(tool)
    seen: dict[UUID, str] = {}
    for row in agent_rows:
        own = of_agent.pop(row["agent_id"], [])
        what = f"agent {values.label(row, 'agent_id')}"
        try:
            async with db.savepoint(connection, sentences):
                written = await _write(connection, sentences, row, own, fallback, seen)
        except REFUSALS as error:
            report.add(what, "refused", error.detail)
            for tool in own:
                report.add(_name(tool), "refused", "its agent is refused")
            continue
        outcome, notes = written.agent
        report.add(what, outcome, notes=notes)
        for tool, made, changed in written.tools:
            report.add(_name(tool), made, notes=changed)
    for tool in (tool for left in of_agent.values() for tool in left):
        report.add(_name(tool), "refused", f"its agent {values.label(tool, 'agent_id')} is not in the file")


def _name(tool: Row) -> str:
    return f"tool {values.label(tool, 'tool_id')}"


async def _write(
    connection: Connection,
    sentences: Sentences,
    row: Row,
    own: Sequence[Row],
    fallback: UUID | None,
    seen: dict[UUID, str],
) -> Written:
    agent_id = values.identifier(row, "agent_id")
    if agent_id in seen:
        raise Conflict(f"it has the same id as agent {seen[agent_id]}")
    seen[agent_id] = values.label(row, "agent_id")
    agent = await _write_agent(connection, row, agent_id, fallback)
    made = []
    ids: set[UUID] = set()
    for tool in own:
        try:
            with db.translated_errors(sentences):
                outcome, changed = await tools.write(connection, tool, agent_id, ids)
        except REFUSALS as error:
            raise Invalid(f"{_name(tool)}: {error.detail}") from error
        made.append((tool, outcome, changed))
    return Written(agent, made)


async def _write_agent(
    connection: Connection, row: Row, agent_id: UUID, fallback: UUID | None
) -> tuple[Outcome, list[str]]:
    told = {
        "name": values.required(row, "name"),
        "system_prompt": values.required(row, "system_prompt"),
        "first_message": values.text(row, "first_message"),
        "voice_provider": _or(values.text(row, "voice_provider"), "deepgram"),
        "voice_id": _or(values.text(row, "voice_id"), "aura-2-thalia-en"),
        "model_provider": _or(values.text(row, "model_provider"), "ollama"),
        "model_name": _or(values.text(row, "model_name"), "mixtral:8x7b"),
        "interrupt_enabled": values.flag(row, "interrupt_enabled", default=True),
        "silence_threshold_seconds": values.number(row, "silence_threshold_sec", default=0.8),
    }
    active, created_at = values.flag(row, "is_active", default=True), values.moment(row, "created_at")
    known = await connection.fetchrow(_KNOWN, agent_id)
    if known is not None:
        return await _change(connection, known, told, active=active)
    whose = await _whose(connection, values.text(row, "user_id"), fallback)
    await connection.execute(_INSERT, agent_id, whose, *told.values(), created_at, active)
    return "imported", [] if active else ["retired, because it is not active"]


async def _change(
    connection: Connection, known: Record, told: dict[str, Any], *, active: bool
) -> tuple[Outcome, list[str]]:
    """Its supervisor stays, and an agent that people retired stays retired."""
    if known["agent_type"] != "voice" or known["is_template"]:
        raise Conflict("the agent with this id here is no voice agent")
    changed = [column for column, value in told.items() if known[column] != value]
    notes = ["it is retired here and stays so"] if active and known["retired_at"] else []
    if changed:
        await connection.execute(_UPDATE, known["id"], *told.values())
    if not active and known["retired_at"] is None:
        if await connection.fetchval(_BUSY, known["id"]):
            raise Conflict(
                "it is not active any more, but has an active interaction here: import it after that"
            )
        await connection.execute(_RETIRE, known["id"])
        changed.append("retired")
    return ("changed" if changed else "unchanged"), changed + notes


async def _whose(connection: Connection, user_id: str | None, fallback: UUID | None) -> UUID:
    found = await supervisor(connection, user_id) if user_id else None
    if whose := found or fallback:
        return whose
    said = f"its user_id {values.shown(user_id)} is" if user_id else "it has no user_id, so there is"
    raise NotFound(f"{said} no active voice supervisor here: name one with --supervisor")


def _or(value: str | None, default: str) -> str:
    return default if value is None else value
