"""All interactions that match, as lines of a CSV file."""

from collections.abc import AsyncIterator

from server.interactions.interaction_search import Chosen, Place
from server.kernel import http
from server.kernel.db import Caller, Database

_BATCH = 10_000

# PostgreSQL makes the text, because values that Python takes apart and puts together again come many times as slowly. Of a number
# the file has at most the last four digits, so that three or more stay hidden in every country.
_FORMULA = "^[" + "".join(f"\\u{ord(sign):04x}" for sign in http.FORMULA_SIGNS) + "]"


def _text(value: str) -> str:
    """SQL of a quoted cell; nothing for null. The value stands in it once, because PostgreSQL would make it twice."""
    return (
        f"""coalesce('"' || regexp_replace(replace({value}, '"', '""'), '{_FORMULA}', '''\\&') || '"', '')"""
    )


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
    "started_at": _plain("i.started_at"),
    "ended_at": _plain("i.ended_at"),
    "duration_seconds": _plain("i.duration_seconds"),
    "agent_name": _text("a.name"),
    "username": _text("u.username"),
    "interaction_type": _plain("i.interaction_type"),
    "customer": _text(_CUSTOMER),
    "status": _plain("i.status"),
    "end_reason": _text("i.end_reason"),
    "satisfaction": _plain("f.satisfaction"),
    "sentiment": _plain("f.sentiment"),
    "csat_score": _plain("c.csat_score"),
    "issues_open": _plain(_OPEN),
    "topics": _text(_TOPICS),
    "tags": _text(_TAGS),
    "summary": _text("left(c.summary, 300)"),
    "allowed": _plain("coalesce(d.allowed, 0)"),
    "denied": _plain("coalesce(d.denied, 0)"),
    "expired": _plain("coalesce(d.expired, 0)"),
    "automatic": _plain("coalesce(d.automatic, 0)"),
    "flag": _plain("r.state"),
    "is_test": _plain("i.is_test"),
    "id": _plain("i.id"),
}
_LINE = " || ',' || ".join(_CELLS.values())
# Rows are looked up by the ids of the batch, so that a batch costs the same in a large history. The planner does not know how many ids
# there are, and would choose nested loops, which _PLANNED forbids.
_IDS = "any((select ids from these)::uuid[])"
_PLANNED = "set local enable_nestloop = off"
_LINES = f"""
with f as materialized (
  select f.* from private.find_interactions($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) with ordinality
    as f (interaction_id, place, satisfaction, sentiment, n)
), these as materialized (
  select array_agg(interaction_id) as ids from f
), d as (
  select t.interaction_id, count(*) filter (where t.status = 'allowed' and t.rule is null) as allowed,
    count(*) filter (where t.status = 'denied') as denied, count(*) filter (where t.status = 'timeout') as expired,
    count(*) filter (where t.status = 'allowed' and t.rule is not null) as automatic
  from public.tool_permissions t
  where t.interaction_id = {_IDS} and t.rule is distinct from 'not_required' group by t.interaction_id
), g as (
  select t.interaction_id, array_agg(t.tag order by t.added_at, t.tag) as tags
  from public.interaction_tags t where t.interaction_id = {_IDS} group by t.interaction_id)
select string_agg({_LINE}, e'\\r\\n' order by f.n) as lines, (select count(*) from f) as found,
  (select f.place from f order by f.n desc limit 1) as place, (select f.interaction_id from f order by f.n desc limit 1) as id
from f join public.interactions i on i.id = f.interaction_id and i.id = {_IDS}
join public.agents a on a.id = i.agent_id join public.users u on u.id = i.supervisor_id
left join public.interaction_archives c on c.interaction_id = i.id and c.interaction_id = {_IDS}
left join d on d.interaction_id = i.id left join g on g.interaction_id = i.id
left join public.interaction_flags r on r.interaction_id = i.id and r.interaction_id = {_IDS}
"""


async def everything(db: Database, viewer: Caller, chosen: Chosen, *, part: bool) -> AsyncIterator[str]:
    """A head, then lines in the order of the filters, in batches; each is a transaction of its own, so a slow reader holds no connection."""
    yield ",".join(_CELLS) + "\r\n"
    if chosen.filters.outcome == "live" or chosen.nobody:
        return
    place: Place | None = None
    while True:
        async with db.as_viewer(viewer) as connection:
            await connection.execute(_PLANNED)
            row = await connection.fetchrow(_LINES, *chosen.asked(place, _BATCH, part=part))
        assert row is not None
        if row["lines"] is not None:
            yield row["lines"] + "\r\n"
        if row["found"] < _BATCH:
            return
        place = row["place"], row["id"]
