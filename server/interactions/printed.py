"""Everything about one interaction, read once for its print view."""

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from server.errors import NotFound
from server.interactions.timeline import repeats
from server.kernel import http
from server.kernel.db import Connection, Record
from server.kernel.http import ArgumentRow

MOST = {"turns": 5000, "lines of the feed": 5000, "decisions": 1000, "other events": 1000}
_NAMED = 200  # characters of a line that a note is about


@dataclass(frozen=True, slots=True)
class Line:
    """A turn, a line of the feed, something that happened to approvals or to the agent, or a tool permission with its arguments."""

    at: dt.datetime
    place: int  # order among lines of one moment, as in the timeline
    row: Record
    arguments: Sequence[ArgumentRow] | None = None  # of a tool permission
    changed: Sequence[ArgumentRow] = ()  # allowed with these, or proposed instead
    result: str = ""


@dataclass(frozen=True, slots=True)
class Printed:
    """The interaction with its lines in the order in which they happened; `further` of each kind are left out."""

    head: Record
    lines: Sequence[Line]
    further: dict[str, int]

    @property
    def moments(self) -> list[dt.datetime]:
        """All that the print shows."""
        rows = [self.head, *(line.row for line in self.lines)]
        values = [value for row in rows for value in row.values() if isinstance(value, dt.datetime)]
        return [*{*values, *(line.at for line in self.lines)}]


async def read(connection: Connection, interaction_id: UUID) -> Printed:
    """Through the reader's own row-level security. NotFound when the viewer may not see it."""
    head = await connection.fetchrow(
        """
        select i.id, i.status, i.interaction_type, i.phone_number, i.caller, i.called_number, i.external_id, i.end_reason, i.is_test,
          i.duration_seconds, i.anonymised_at is not null as anonymised, i.agent_version, a.name as agent_name, u.username, u.name as supervisor_name,
          i.started_at, i.ended_at, now() as printed_at, c.summary, c.issues, c.tags, private.issue_tags(c.tags) as issue_tags,
          c.csat_score, c.resolution_time_seconds, c.fcr_status, e.satisfaction, e.sentiment
        from public.interactions i join public.agents a on a.id = i.agent_id join public.users u on u.id = i.supervisor_id
        left join public.interaction_archives c on c.interaction_id = i.id
        cross join lateral private.ending(i.id) e
        where i.id = $1
        """,
        interaction_id,
    )
    if head is None:
        raise NotFound("There is no such interaction.")
    further = dict[str, int]()

    async def first(what: str, query: str) -> list[Record]:
        """The first rows; how many there are is in `total`."""
        rows = await connection.fetch(f"{query} limit $2", interaction_id, MOST[what])
        if rows and rows[0]["total"] > len(rows):
            further[what] = rows[0]["total"] - len(rows)
        return rows

    turns = await first("turns", _TURNS)
    said = {row["text"] for row in turns}
    feed = [row for row in await first("lines of the feed", _FEED) if not repeats(row["text"], said)]
    decisions = await first("decisions", _DECISIONS)
    events = await first("other events", _EVENTS)
    lines = [Line(row["at"], 0, row) for row in (*turns, *feed)]
    lines += [_decision(row) for row in decisions] + [Line(row["at"], row["place"], row) for row in events]
    return Printed(head, sorted(lines, key=lambda line: (line.at, line.place)), further)


_TURNS = """
  select least(captured_at, created_at) as at, speaker as kind, text, interrupted, late, count(*) over () as total
  from public.interaction_turns where interaction_id = $1 order by least(captured_at, created_at), id
"""
_FEED = """
  select coalesce(effective_at, timestamp) as at, 'feed' as kind, feed_text as text, false as interrupted, false as late, count(*) over () as total
  from public.realtime_metrics where interaction_id = $1 and feed_text <> '' order by coalesce(effective_at, timestamp), id
"""
_DECISIONS = """
  select requested_at as at, 'decision' as kind, responded_at, id, tool_name, tool_description,
    arguments::text as arguments, changed_arguments::text as changed_arguments, proposed_arguments::text as proposed_arguments,
    status, rule, reason, responded_by_name, executed_at, execution_succeeded, execution_result, count(*) over () as total
  from public.tool_permissions where interaction_id = $1 order by requested_at, id
"""
# What the timeline of the page has as well: standing approvals and pauses of the agent.
_EVENTS = """
  select e.*, count(*) over () as total from (
    select g.created_at as at, 4 as place, 'grant' as kind, g.granted_by_name as who, null as how, g.tool_name || ': ' || private.grant_words(g) || ', '
        || g.max_uses || case g.max_uses when 1 then ' use' else ' uses' end as text, g.expires_at
    from public.tool_grants g where g.interaction_id = $1
    union all
    select g.ended_at, 5, 'grant_end', g.ended_by_name, g.ended_how, g.tool_name || ': ' || private.grant_words(g), null
    from public.tool_grants g where g.interaction_id = $1 and g.ended_at is not null
    union all
    select l.at, 6, 'pause', l.actor, case when l.changes -> 'paused_at' -> 1 = 'null' then 'resumed' else 'paused' end, '', null
    from public.interactions i join public.audit_logs l on l.row_id = i.agent_id::text and l.changes ? 'paused_at'
      and l.at between i.started_at and coalesce(i.ended_at, 'infinity')
    where i.id = $1) e
  order by e.at, e.place
"""


def _decision(row: Record) -> Line:
    other = row["changed_arguments"] or row["proposed_arguments"]
    result = row["execution_result"]
    return Line(
        row["at"],
        1,
        row,
        http.argument_rows(http.arguments(row["arguments"])),
        http.argument_rows(http.arguments(other)) if other else (),
        "" if result is None else json.dumps(result, ensure_ascii=False, indent=1),
    )


async def noted(connection: Connection, interaction_id: UUID, lines: Iterable[str]) -> dict[str, Record]:
    """The lines that notes are about: when and what, by their id in the timeline."""
    rows = await connection.fetch(
        """
        select 't' || t.id as line, least(t.captured_at, t.created_at) as at, t.speaker || ': ' || left(t.text, $3) as words
        from public.interaction_turns t where t.interaction_id = $1 and 't' || t.id = any ($2)
        union all
        select 'q' || q.id, q.requested_at, 'the request for ' || q.tool_name
        from public.tool_permissions q where q.interaction_id = $1 and 'q' || q.id = any ($2)
        """,
        interaction_id,
        [*lines],
        _NAMED,
    )
    return {row["line"]: row for row in rows}


async def local(
    connection: Connection, moments: Iterable[dt.datetime], zone: str
) -> dict[dt.datetime, dt.datetime]:
    """Moments as they are in this zone, each with its distance from UTC."""
    given = [*moments]
    rows = await connection.fetch(
        "select m at time zone $2 as there, m at time zone 'UTC' as utc from unnest($1::timestamptz[]) with ordinality o (m, n) order by n",
        given,
        zone,
    )
    return {
        one: row["there"].replace(tzinfo=dt.timezone(row["there"] - row["utc"]))
        for one, row in zip(given, rows, strict=True)
    }


def moments_of(shown: Any) -> list[dt.datetime]:
    """The moments of a review that a print shows."""
    found = [note[name] for note in shown["notes"] for name in ("created_at", "changed_at", "withdrawn_at")]
    for part in ("flag", "score"):
        found += [value for name, value in (shown[part] or {}).items() if name.endswith("_at")]
    return [dt.datetime.fromisoformat(one) for one in found if one]
