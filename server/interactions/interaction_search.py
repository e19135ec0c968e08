"""Finding interactions: filters, the lines of a page, counts, and all that match for a file."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias
from uuid import UUID

from server.errors import Invalid, Unavailable
from server.kernel.db import Caller, Connection, Database, Record
from server.kernel.db.lists import Span, span_of
from server.kernel.http import ListFilters, is_id

DAYS = {
    "today": "today",
    "1": "last 24 hours",
    "7": "last 7 days",
    "month": "this month",
    "30": "last 30 days",
    "": "all that is kept",
}
OUTCOMES = {"completed": "completed", "failed": "failed", "live": "live now"}
SENTIMENTS = {"good": "good", "neutral": "neutral", "critical": "critical"}
CHANNELS = {"voice": "voice", "chat": "chat"}
ISSUES = {"open": "an open issue", "resolved": "a resolved issue"}
CSAT = {"low": "CSAT under 50 %", "middle": "CSAT 50 to 79 %", "high": "CSAT from 80 %"}
DECISIONS = {
    "allowed": "something allowed",
    "denied": "something denied",
    "timeout": "something expired",
    "automatic": "allowed by a rule",
    "cancelled": "a request cancelled",
}
TESTS = {"no": "no tests", "yes": "tests alone"}
FLAGS = {"yes": "flagged", "open": "flag open", "in_review": "in review", "done": "reviewed"}
ORDERS = {"started": "Started", "duration": "Duration", "satisfaction": "Satisfaction", "csat": "CSAT"}
PARTIAL_ORDERS = ("satisfaction", "csat")  # interactions without a value are left out
PAGE, COUNTED = 50, 10_000
TRANSCRIPTS = 500  # of live interactions, whose transcripts private.live_with_text reads
_SHORTEST_PART = 3  # characters, below which a part of a word is in almost every summary
_CURSOR = re.compile(r"([0-9 :.+T-]{1,40})~([0-9a-f-]{36})")


@dataclass(frozen=True, slots=True)
class Filters(ListFilters):
    """`q` is words of the summary, the transcript or the caller, a part of the number, or an id."""

    CHOICES: ClassVar[Mapping[str, Collection[str]]] = {
        "days": DAYS,
        "channel": CHANNELS,
        "sentiment": SENTIMENTS,
        "outcome": OUTCOMES,
        "issue": ISSUES,
        "csat": CSAT,
        "decision": DECISIONS,
        "flag": FLAGS,
        "test": TESTS,
        "sort": ORDERS,
        "up": ("yes",),
    }
    NAMES: ClassVar[Collection[str]] = ("topic", "tag", "supervisor")

    channel: str = ""
    sentiment: str = ""  # at the end
    outcome: str = ""
    topic: str = ""
    tag: str = ""
    issue: str = ""
    csat: str = ""
    decision: str = ""
    flag: str = ""
    test: str = ""
    sort: str = "started"
    up: str = ""  # "yes": the smallest first

    @property
    def labels(self) -> list[str]:
        """These filters as labels, which the database makes lower case, as it did those of the rows; one after a minus is not to be there."""
        pairs = {
            "channel": self.channel, "outcome": self.outcome, "sentiment": self.sentiment, "topic": self.topic, "tag": self.tag,
            "issues": self.issue, "csat": self.csat, "decision": self.decision,
            "flag": self.flag,
        }  # fmt: skip
        tests = {"no": ["-test"], "yes": ["test"]}.get(self.test, [])
        return [*(f"{name}:{value}" for name, value in pairs.items() if value), *tests]

    @property
    def of_live_ones(self) -> bool:
        """Whether a live interaction can match: it has no outcome and no archive yet."""
        return self.outcome in ("", "live") and not (self.topic or self.issue or self.csat)


# Of an interaction in an order: the value that it is ordered by, and its id.
Place: TypeAlias = tuple[str, UUID]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Filters with their time and their supervisor, as the database takes them."""

    filters: Filters
    span: Span
    supervisor_id: UUID | None
    nobody: bool  # whether the chosen supervisor is unknown

    @property
    def none_ended(self) -> bool:
        """Whether no interaction that has ended can match."""
        return self.filters.outcome == "live" or self.nobody

    def given(self, *, part: bool) -> list[Any]:
        """The first arguments of private.find_interactions and private.count_interactions."""
        f = self.filters
        agent = UUID(f.agent) if f.agent else None
        return [f.q or None, part, self.span.since, self.span.until, self.supervisor_id, agent, f.labels]

    def asked(self, after: Place | None, limit: int, *, part: bool, back: bool = False) -> list[Any]:
        """All arguments of private.find_interactions: so many after a place, or `back` so many before it."""
        descending = (self.filters.up != "yes") == (not back)
        return [*self.given(part=part), self.filters.sort, descending, *(after or (None, None)), limit]


async def choose(connection: Connection, filters: Filters, zone: str) -> Chosen:
    """The filters with the days in this zone, UTC if the database does not know it."""
    span = await span_of(connection, filters.days, filters.since, filters.until, zone)
    supervisor_id = None
    if filters.supervisor:
        supervisor_id = await connection.fetchval(
            "select id from public.users where username = $1", filters.supervisor
        )
    return Chosen(filters, span, supervisor_id, bool(filters.supervisor) and supervisor_id is None)


@dataclass(frozen=True, slots=True)
class Found:
    """One page: its rows and their cursors, whether the text was found as a part of a word only, and the cursors of its neighbours."""

    rows: Sequence[Record]
    cursors: Sequence[str] = ()
    part: bool = False
    older: str = ""
    newer: str = ""


async def find(
    connection: Connection, chosen: Chosen, *, before: str = "", after: str = "", part: bool = False
) -> Found:
    """The ended interactions on this side of a place, in the order of the filters. Invalid for a place that is none.

    Where no word begins with the text, those are found that have it as a part of a word (`part`), among the first 10,000 rows.
    """
    if chosen.none_ended:
        return Found([])
    places, more = await _ids(connection, chosen, before, after, PAGE, part=part)
    if not (places or part or before or after) and len(chosen.filters.q) >= _SHORTEST_PART:
        part = True
        places, more = await _ids(connection, chosen, "", "", PAGE, part=True)
    rows = await _lines(connection, places)
    older = cursor_of(places[-1]) if places and (more or after) else ""
    newer = cursor_of(places[0]) if places and (before or (after and more)) else ""
    return Found(rows, [cursor_of(place) for place in places], part, older, newer)


async def neighbours(
    connection: Connection, chosen: Chosen, cursor: str, *, part: bool
) -> tuple[Record | None, ...]:
    """What stands above and below a place of the list: {interaction_id, place} each, None at its ends."""
    if chosen.none_ended:
        return None, None
    above, _ = await _ids(connection, chosen, "", cursor, 1, part=part)
    below, _ = await _ids(connection, chosen, cursor, "", 1, part=part)
    return tuple(places[0] if places else None for places in (above, below))


def cursor_of(place: Record) -> str:
    return f"{place['place']}~{place['interaction_id']}"


async def _ids(
    connection: Connection, chosen: Chosen, before: str, after: str, limit: int, *, part: bool
) -> tuple[Sequence[Record], bool]:
    """Ids and their places; `before` a place means what follows it on the page, `after` what stands above it."""
    found = _CURSOR.fullmatch(before or after) if before or after else None
    if (before or after) and (found is None or not is_id(found[2])):
        raise Invalid("There is no such page.")
    place = (found[1], UUID(found[2])) if found else None
    rows = await connection.fetch(
        "select interaction_id, place, satisfaction, sentiment from private.find_interactions($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        *chosen.asked(place, limit + 1, part=part, back=bool(after)),
    )
    kept = rows[:limit]
    return kept[::-1] if after else kept, len(rows) > limit


async def newer(connection: Connection, chosen: Chosen, cursor: str) -> int:
    """How many interactions that match have ended above a place of the list, at most a page of them. Invalid for a place that is none."""
    if not cursor:
        raise Invalid("There is no such page.")
    if chosen.none_ended:
        return 0
    places, _ = await _ids(connection, chosen, "", cursor, PAGE, part=False)
    return len(places)


_LINE = """
  select i.id, o.satisfaction, o.sentiment, i.status, i.interaction_type, i.started_at, i.ended_at, i.duration_seconds, i.phone_number, i.caller, i.is_test, i.end_reason,
    i.anonymised_at, i.agent_id, a.name as agent_name, u.username, left(c.summary, 300) as summary, c.csat_score, c.tags, c.issues,
    coalesce(c.series, i.series) as series, m.latest, f.state as flag, array(select o.tag from public.interaction_tags o
      where o.interaction_id = i.id order by o.added_at, o.tag) as own_tags, d.*
  from unnest($1::uuid[], $2::numeric[], $3::text[]) with ordinality as o (id, satisfaction, sentiment, place)
  join public.interactions i on i.id = o.id join public.agents a on a.id = i.agent_id join public.users u on u.id = i.supervisor_id
  left join public.interaction_archives c on c.interaction_id = i.id
  left join public.interaction_flags f on f.interaction_id = i.id
  left join lateral (
    select coalesce(jsonb_agg(jsonb_build_array(0, r.satisfaction_score) order by coalesce(r.effective_at, r.timestamp), r.timestamp), '[]') as latest from (
      select s.* from public.realtime_metrics s where s.interaction_id = i.id and coalesce(c.series, i.series) is null
      order by s.timestamp desc limit 60) r) m on true
  left join lateral (
    select count(*) filter (where t.status = 'allowed' and t.rule is null) as allowed, count(*) filter (where t.status = 'denied') as denied,
      count(*) filter (where t.status = 'timeout') as expired, count(*) filter (where t.status = 'allowed' and t.rule is not null) as automatic
    from public.tool_permissions t where t.interaction_id = i.id and t.rule is distinct from 'not_required') d on true
  order by o.place
"""


async def _lines(connection: Connection, places: Sequence[Record]) -> Sequence[Record]:
    """What a line shows of each of these, in their order; through the reader's own row-level security.

    Satisfaction and sentiment at the end are those that it was found by.
    """
    if not places:
        return []
    given = [[place[name] for place in places] for name in ("interaction_id", "satisfaction", "sentiment")]
    return await connection.fetch(_LINE, *given)


async def live(connection: Connection, chosen: Chosen) -> Sequence[Record]:
    """The live interactions that match, the newest first, at most a page of them."""
    f = chosen.filters
    if not f.of_live_ones or chosen.nobody:
        return []
    return await connection.fetch(
        """
        select p.interaction_id as id, p.started_at, p.phone_number, p.caller, p.is_test, p.sentiment, p.satisfaction_score, p.scores,
          p.feed -> 0 ->> 'text' as said, p.agent_id, f.state as flag, array(select o.tag from public.interaction_tags o
            where o.interaction_id = p.interaction_id order by o.added_at, o.tag) as own_tags, a.name as agent_name, a.agent_type as interaction_type, u.username,
          (select count(*) from public.tool_permissions t where t.interaction_id = p.interaction_id and t.status = 'pending') as waiting
        from public.interaction_pulse p join public.agents a on a.id = p.agent_id join public.users u on u.id = p.supervisor_id
        left join public.interaction_flags f on f.interaction_id = p.interaction_id
        where ($1 = '' or p.interaction_id in (select private.live_with_text($1)))
          and ($2 = '' or a.agent_type = $2) and ($3 = '' or p.sentiment = $3) and ($4::uuid is null or p.agent_id = $4)
          and ($5::uuid is null or p.supervisor_id = $5) and ($6::timestamptz is null or p.started_at >= $6)
          and ($8 = '' or f.state = $8 or $8 = 'yes' and f.state <> 'done')
          and ($9 = '' or exists (select from public.interaction_tags o where o.interaction_id = p.interaction_id and o.tag = lower($9)))
          and ($10 = '' or p.is_test = ($10 = 'yes'))
          and ($11::timestamptz is null or p.started_at < $11)
          and ($12 = '' or exists (select from public.tool_permissions t where t.interaction_id = p.interaction_id and t.rule is distinct from 'not_required'
            and case when t.rule is not null and t.status = 'allowed' then 'automatic' else t.status end = $12))
        order by p.started_at desc, p.interaction_id desc limit $7
        """,
        f.q,
        f.channel,
        f.sentiment,
        UUID(f.agent) if f.agent else None,
        chosen.supervisor_id,
        chosen.span.since,
        PAGE,
        f.flag,
        f.tag,
        f.test,
        chosen.span.until,
        f.decision,
    )


async def beyond_transcripts(connection: Connection, chosen: Chosen) -> bool:
    """Whether a text is not looked for in the transcripts of all live interactions, because the viewer has more than `TRANSCRIPTS`."""
    if not chosen.filters.q or not chosen.filters.of_live_ones or chosen.nobody:
        return False
    found: bool = await connection.fetchval(
        "select exists (select from public.interaction_pulse offset $1)", TRANSCRIPTS
    )
    return found


async def count(db: Database, viewer: Caller, chosen: Chosen, *, part: bool, within: int) -> Record | None:
    """How many ended interactions match, COUNTED + 1 for more, and the averages of how many of them; None where that takes longer than so many ms, or where none can match."""
    if chosen.none_ended:
        return None
    try:
        async with db.as_viewer(viewer) as connection:
            await connection.execute(f"set local statement_timeout = {within:d}")
            return await connection.fetchrow(
                "select found, averaged, csat, satisfaction, duration from private.count_interactions($1, $2, $3, $4, $5, $6, $7)",
                *chosen.given(part=part),
            )
    except Unavailable:
        return None
