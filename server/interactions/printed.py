"""Everything about one interaction, read once for its print view."""

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from server.errors import NotFound
from server.interactions.timeline import repeats
from server.kernel import http
from server.kernel.db import Connection, Record
from server.kernel.http import ArgumentRow

TURNS, DECISIONS = 5000, 1000  # at most


@dataclass(frozen=True, slots=True)
class Line:
    """A turn, a line of the feed, or a tool permission with its arguments; `at` is in the zone of the print."""

    at: dt.datetime
    row: Record
    arguments: Sequence[ArgumentRow] | None = None  # of a tool permission
    changed: Sequence[ArgumentRow] = ()  # allowed with these, or proposed instead
    result: str = ""


@dataclass(frozen=True, slots=True)
class Printed:
    """The interaction with its lines in order; `further` turns are left out."""

    head: Record
    lines: Sequence[Line]
    further: int


async def read(connection: Connection, interaction_id: UUID, zone: str) -> Printed:
    """Through the reader's own row-level security; moments are in this zone. NotFound when the viewer may not see it."""
    head = await connection.fetchrow(
        """
        select i.id, i.status, i.interaction_type, i.phone_number, i.caller, i.called_number, i.external_id, i.end_reason, i.is_test,
          i.duration_seconds, i.anonymised_at is not null as anonymised, i.agent_version, a.name as agent_name, u.username, u.name as supervisor_name,
          i.started_at at time zone $2 as started_at, i.ended_at at time zone $2 as ended_at, now() at time zone $2 as printed_at,
          c.summary, c.issues, c.tags, c.csat_score, c.resolution_time_seconds, c.fcr_status, e.satisfaction, e.sentiment,
          (select count(*) from public.interaction_turns t where t.interaction_id = i.id) as turns
        from public.interactions i join public.agents a on a.id = i.agent_id join public.users u on u.id = i.supervisor_id
        left join public.interaction_archives c on c.interaction_id = i.id
        cross join lateral private.ending(i.id) e
        where i.id = $1
        """,
        interaction_id,
        zone,
    )
    if head is None:
        raise NotFound("There is no such interaction.")
    turns = await connection.fetch(
        """
        select least(captured_at, created_at) at time zone $2 as at, speaker, text, interrupted, late from public.interaction_turns
        where interaction_id = $1 order by least(captured_at, created_at), id limit $3
        """,
        interaction_id,
        zone,
        TURNS,
    )
    said = {row["text"] for row in turns}
    feed = await connection.fetch(
        """
        select coalesce(effective_at, timestamp) at time zone $2 as at, 'feed' as speaker, feed_text as text, false as interrupted, false as late
        from public.realtime_metrics where interaction_id = $1 and feed_text <> '' order by timestamp, id limit $3
        """,
        interaction_id,
        zone,
        TURNS,
    )
    feed = [row for row in feed if not repeats(row["text"], said)]
    decisions = await connection.fetch(
        """
        select requested_at at time zone $2 as at, responded_at at time zone $2 as responded_at, id, tool_name, tool_description,
          arguments::text as arguments, changed_arguments::text as changed_arguments, proposed_arguments::text as proposed_arguments,
          status, rule, reason, responded_by_name, executed_at at time zone $2 as executed_at, execution_succeeded, execution_result
        from public.tool_permissions where interaction_id = $1 order by requested_at, id limit $3
        """,
        interaction_id,
        zone,
        DECISIONS,
    )
    lines = [Line(row["at"], row) for row in (*turns, *feed)] + [_decision(row) for row in decisions]
    return Printed(head, sorted(lines, key=lambda line: line.at), head["turns"] - len(turns))


def _decision(row: Record) -> Line:
    other = row["changed_arguments"] or row["proposed_arguments"]
    result = row["execution_result"]
    return Line(
        row["at"],
        row,
        http.argument_rows(http.arguments(row["arguments"])),
        http.argument_rows(http.arguments(other)) if other else (),
        "" if result is None else json.dumps(result, ensure_ascii=False, indent=1),
    )


async def local(connection: Connection, moments: Sequence[str], zone: str) -> dict[str, dt.datetime]:
    """ISO moments as they are in this zone."""
    rows = await connection.fetch(
        "select m as said, m::timestamptz at time zone $2 as at from unnest($1::text[]) m", [*moments], zone
    )
    return {row["said"]: row["at"] for row in rows}


def moments_of(shown: Any) -> list[str]:
    """The moments of a review that a print shows."""
    found = [note[name] for note in shown["notes"] for name in ("created_at", "changed_at", "withdrawn_at")]
    for part in ("flag", "score"):
        found += [value for name, value in (shown[part] or {}).items() if name.endswith("_at")]
    return [one for one in found if one]
