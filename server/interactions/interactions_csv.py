"""All interactions that match, as lines of a CSV file."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from server.interactions.interaction_search import Chosen, Place
from server.kernel import http
from server.kernel.db import Caller, Database, Record

_BATCH = 10_000
# Batches that are made at a time, each by a connection of its own: 1.6 times as fast as one (200,000 interactions, 2026-11-29).
_AHEAD = 2
# Connections that all files of a process take together, so that others are left for the pages.
_connections = asyncio.Semaphore(3)

# PostgreSQL makes the text, because values that Python takes apart and puts together again come many times as slowly. Of a number
# the file has at most the last four digits, so that three or more stay hidden in every country.
_SIGNS = "".join(f"\\u{ord(sign):04x}" for sign in http.FORMULA_SIGNS)


def _text(value: str) -> str:
    """SQL of a quoted cell; nothing for null. The value stands in it three times, so it has to be a column."""
    sign = f"case when {value} <> '' and strpos(e'{_SIGNS}', left({value}, 1)) > 0 then '''' else '' end"
    return f"""coalesce('"' || {sign} || replace({value}, '"', '""') || '"', '')"""


def _plain(value: str) -> str:
    """SQL of a cell that needs no quotes."""
    return f"coalesce(({value})::text, '')"


_CUSTOMER = r"""coalesce('···' || right(i.phone_number, least(4, length(i.phone_number) - 7)),
  regexp_replace(regexp_replace(i.caller, '[^\s@:<]*@', '···@', 'g'), '\d', '·', 'g'))"""
_OPEN = "case when c.issues <> '[]' then exists (select from jsonb_array_elements(c.issues) e where e ->> 'status' <> 'resolved') end"
_TOPICS = """(select string_agg(t, ', ') from jsonb_array_elements_text(
  case when jsonb_typeof(c.tags -> 'topics') = 'array' then c.tags -> 'topics' end) t)"""
_TAGS = """coalesce((select string_agg(t, ', ' order by n, t) from (
  select distinct e ->> 'tag' as t, 0 as n
  from jsonb_array_elements(case when jsonb_typeof(c.tags -> 'issues') = 'array' then c.tags -> 'issues' end) e
  union all select * from unnest(g.tags) with ordinality) every), '')"""
_CELLS = {
    "started_at": "i.started_at",
    "ended_at": _plain("i.ended_at"),
    "duration_seconds": _plain("i.duration_seconds"),
    "agent_name": "a.cell",
    "username": "u.cell",
    "interaction_type": "i.interaction_type",
    "customer": _text("made.customer"),
    "status": "i.status",
    "end_reason": _text("i.end_reason"),
    "satisfaction": _plain("f.satisfaction"),
    "sentiment": _plain("f.sentiment"),
    "csat_score": _plain("c.csat_score"),
    "issues_open": _plain(_OPEN),
    "topics": _text("made.topics"),
    "tags": _text("made.tags"),
    "summary": _text("made.summary"),
    "allowed": "coalesce(d.allowed, 0)",
    "denied": "coalesce(d.denied, 0)",
    "expired": "coalesce(d.expired, 0)",
    "automatic": "coalesce(d.automatic, 0)",
    "flag": _plain("r.state"),
    "is_test": "i.is_test::text",
    "id": "i.id",
}
# Lists as one text: ten thousand values that Python makes of the answer and sends back would take longer than finding them.
_FIND = """
select array_agg(interaction_id order by n)::text as ids, array_agg(satisfaction order by n)::text as satisfactions,
  array_agg(sentiment order by n)::text as sentiments, count(*) as found, (array_agg(place order by n desc))[1] as place,
  (array_agg(interaction_id order by n desc))[1] as id
from private.find_interactions($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) with ordinality
  as f (interaction_id, place, satisfaction, sentiment, n)
"""
# Rows are looked up by the ids of the batch, so that a batch costs the same in a large history. They stand in a select of their own,
# because a planner that sees them takes the index of ids and supervisors and looks for each id with each supervisor of the policy: 4 s a
# batch instead of 0.5 (a million interactions, 20 supervisors). One that does not would choose nested loops, which _PLANNED forbids.
_PLANNED = "set local enable_nestloop = off"
_IDS = "any((select $1::text::uuid[])::uuid[])"
_LINES = f"""
with f as materialized (
  select * from unnest($1::text::uuid[], $2::text::numeric[], $3::text::text[]) with ordinality
    as f (interaction_id, satisfaction, sentiment, n)
), i as materialized (
  select id, agent_id, supervisor_id, interaction_type, phone_number, caller, status, end_reason, started_at, ended_at, duration_seconds, is_test
  from public.interactions where id = {_IDS}
), a as materialized (
  select id, {_text("name")} as cell from public.agents where id = any(array(select distinct agent_id from i))
), u as materialized (
  select id, {_text("username")} as cell from public.users where id = any(array(select distinct supervisor_id from i))
), d as (
  select t.interaction_id, count(*) filter (where t.status = 'allowed' and t.rule is null) as allowed,
    count(*) filter (where t.status = 'denied') as denied, count(*) filter (where t.status = 'timeout') as expired,
    count(*) filter (where t.status = 'allowed' and t.rule is not null) as automatic
  from public.tool_permissions t
  where t.interaction_id = {_IDS} and t.rule is distinct from 'not_required' group by t.interaction_id
), g as (
  select t.interaction_id, array_agg(t.tag order by t.added_at, t.tag) as tags
  from public.interaction_tags t where t.interaction_id = {_IDS} group by t.interaction_id)
select string_agg(concat_ws(',', {", ".join(_CELLS.values())}), e'\\r\\n' order by f.n)
from f join i on i.id = f.interaction_id
join a on a.id = i.agent_id join u on u.id = i.supervisor_id
left join public.interaction_archives c on c.interaction_id = i.id and c.interaction_id = {_IDS}
left join d on d.interaction_id = i.id left join g on g.interaction_id = i.id
left join public.interaction_flags r on r.interaction_id = i.id and r.interaction_id = {_IDS}
cross join lateral (
  select {_CUSTOMER} as customer, {_TOPICS} as topics, {_TAGS} as tags, left(c.summary, 300) as summary offset 0) made
"""


async def everything(db: Database, viewer: Caller, chosen: Chosen, *, part: bool) -> AsyncIterator[str]:
    """A head, then lines in the order of the filters, in batches; each is a transaction of its own, so a slow reader holds no connection."""
    yield ",".join(_CELLS) + "\r\n"
    if chosen.none_ended:
        return
    ahead: deque[asyncio.Task[str | None]] = deque()
    place: Place | None = None
    more = True
    try:
        while more or ahead:
            while more and len(ahead) < _AHEAD:
                async with _connections, db.as_viewer(viewer) as connection:
                    found = await connection.fetchrow(_FIND, *chosen.asked(place, _BATCH, part=part))
                assert found is not None
                more, place = found["found"] == _BATCH, (found["place"], found["id"])
                if found["found"]:
                    ahead.append(asyncio.create_task(_lines(db, viewer, found)))
            if ahead and (lines := await ahead.popleft()):
                yield lines + "\r\n"
    finally:  # the reader may have gone
        for task in ahead:
            task.cancel()
        await asyncio.gather(*ahead, return_exceptions=True)


async def _lines(db: Database, viewer: Caller, found: Record) -> str | None:
    """The lines of a batch; None where none of it is left."""
    async with _connections, db.as_viewer(viewer) as connection:
        await connection.execute(_PLANNED)
        lines: str | None = await connection.fetchval(
            _LINES, found["ids"], found["satisfactions"], found["sentiments"]
        )
    return lines
