"""Conversations of ai-sdr as interactions that have ended, with their turns.

A file has no moments of turns: each gets the start of its conversation, a microsecond after the one before. The database takes
turns until ten minutes after the end of an interaction, so they are written before the end gets its own time.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from server.cli.sdr import transcripts, values
from server.cli.sdr.agents import REFUSALS
from server.cli.sdr.file import Row
from server.cli.sdr.report import Outcome, Report
from server.cli.sdr.transcripts import Turn
from server.errors import Conflict, Invalid, NotFound
from server.interactions import phone_numbers
from server.kernel import db
from server.kernel.db import Connection, Record, Sentences

# Status there → status and end_reason here.
_STATUSES = {
    "completed": ("completed", None),
    "failed": ("failed", "error"),
    "disconnected": ("completed", "disconnected"),
    "timeout": ("completed", "timeout"),
    "in-progress": ("failed", "disconnected"),
}
_AGENT = "select agent_type = 'voice' and supervisor_id is not null from public.agents where id = $1"
_KNOWN = """
select * from public.interactions where id = $1 or agent_id = $2 and external_id = $3
order by id = $1 desc limit 1
"""
_TURNS = (
    "select speaker, text from public.interaction_turns where interaction_id = $1 order by captured_at, id"
)
_INSERT = """
insert into public.interactions (id, agent_id, interaction_type, external_id, status, end_reason, phone_number, caller,
  started_at, ended_at, created_at, reaped_at)
values ($1, $2, 'voice', $3, $4, $5, $6, $7, $8, greatest(clock_timestamp(), $8), coalesce($9, now()), $10)
"""
_END = "update public.interactions set ended_at = $2 where id = $1"
_REOPEN = "update public.interactions set ended_at = greatest(clock_timestamp(), started_at) where id = $1"
_SAY = """
insert into public.interaction_turns (interaction_id, captured_at, speaker, text, final)
select $1, $2::timestamptz + n * interval '1 microsecond', t.speaker, t.text, true
from unnest($3::text[], $4::text[]) with ordinality t (speaker, text, n)
"""
# They arrived after the end because they were imported, and not because their sender was slow.
_IN_TIME = "update public.interaction_turns set late = false where interaction_id = $1 and late"
_UNSAY = "delete from public.interaction_turns where interaction_id = $1"
_UPDATE = """
update public.interactions set status = $2, end_reason = $3, phone_number = $4, caller = $5, started_at = $6,
  reaped_at = case when $7 then reaped_at end
where id = $1
"""


@dataclass(frozen=True, slots=True)
class _Told:
    """A conversation of the file as an interaction."""

    id: UUID
    agent_id: UUID
    external_id: str
    status: str
    end_reason: str | None
    phone_number: str | None
    caller: str | None
    started_at: dt.datetime
    ended_at: dt.datetime
    created_at: dt.datetime | None
    turns: list[Turn]
    notes: list[str]

    @property
    def is_open(self) -> bool:
        """Whether its end is not in the file, so that a later file may complete it."""
        return (self.status, self.end_reason) == _STATUSES["in-progress"]


async def write_all(
    connection: Connection, sentences: Sentences, rows: Iterable[Row], report: Report
) -> None:
    """Write every conversation with its transcript, or refuse it."""
    seen: dict[UUID, str] = {}
    for row in rows:
        what = f"conversation {values.label(row, 'conversation_id')}"
        try:
            async with db.savepoint(connection, sentences):
                told = _read(row)
                if told.id in seen:
                    raise Conflict(f"it has the same id as {seen[told.id]}")
                seen[told.id] = what
                outcome, notes = await _write(connection, told)
        except REFUSALS as error:
            report.add(what, "refused", error.detail)
        else:
            report.add(what, outcome, notes=notes)


def _read(row: Row) -> _Told:
    status = values.text(row, "status") or "in-progress"
    if status not in _STATUSES:
        raise Invalid(f"status is {values.shown(status)}, and none of {', '.join(_STATUSES)}")
    notes = []
    started_at, ended_at = values.moment(row, "started_at"), values.moment(row, "ended_at")
    created_at = values.moment(row, "created_at")
    start = started_at or created_at or ended_at
    if start is None:
        raise Invalid("started_at, created_at and ended_at are missing")
    if status == "in-progress":
        notes.append("its end is not in the file")
    elif ended_at is None:
        notes.append("ended_at is missing, so it ends when it starts")
    number, caller = phone_numbers.read(values.text(row, "phone_number") or None)
    transcript = transcripts.read(values.text(row, "transcript"))
    for _, said in transcript.turns:
        values.storable(said, "transcript")  # JSON can contain what the text itself does not
    return _Told(
        values.identifier(row, "conversation_id"),
        values.identifier(row, "agent_id"),
        values.required(row, "conversation_id"),
        *_STATUSES[status],
        number,
        caller,
        start,
        ended_at or start,
        created_at,
        transcript.turns,
        notes + transcript.notes,
    )


async def _write(connection: Connection, told: _Told) -> tuple[Outcome, list[str]]:
    takes = await connection.fetchval(_AGENT, told.agent_id)
    if takes is None:
        raise NotFound("its agent is neither here nor imported")
    if not takes:
        raise Conflict("its agent is no voice agent here")
    known = await connection.fetchrow(_KNOWN, told.id, told.agent_id, told.external_id)
    if known is not None:
        return await _change(connection, told, known)
    await connection.execute(
        _INSERT, told.id, told.agent_id, told.external_id, told.status, told.end_reason, told.phone_number, told.caller,
        told.started_at, told.created_at, told.ended_at if told.is_open else None,
    )  # fmt: skip
    await _say(connection, told)
    await connection.execute(_END, told.id, told.ended_at)
    return "imported", told.notes


async def _change(connection: Connection, told: _Told, known: Record) -> tuple[Outcome, list[str]]:
    if known["agent_id"] != told.agent_id:
        raise Conflict("a conversation of another agent has this id")
    if known["id"] != told.id:
        return "unchanged", ["its agent recorded it here"]
    if known["anonymised_at"] is not None:
        return "unchanged", ["its words and numbers were removed here, because they were kept long enough"]
    columns = ("status", "end_reason", "phone_number", "caller", "started_at")
    changed = [column for column in columns if known[column] != getattr(told, column)]
    words = [(row["speaker"], row["text"]) for row in await connection.fetch(_TURNS, told.id)] != told.turns
    end = known["ended_at"] != told.ended_at
    if not changed and not words and not end:
        return "unchanged", told.notes
    if words or changed:
        await connection.execute(_REOPEN, told.id)
    if changed:
        values_of = (getattr(told, column) for column in columns)
        await connection.execute(_UPDATE, told.id, *values_of, told.is_open)
    if words:
        await connection.execute(_UNSAY, told.id)
        await _say(connection, told)
    await connection.execute(_END, told.id, told.ended_at)
    return "changed", changed + ["ended_at"] * end + ["transcript"] * words + told.notes


async def _say(connection: Connection, told: _Told) -> None:
    if told.turns:
        speakers, texts = zip(*told.turns, strict=True)
        await connection.execute(_SAY, told.id, told.started_at, list(speakers), list(texts))
        await connection.execute(_IN_TIME, told.id)
