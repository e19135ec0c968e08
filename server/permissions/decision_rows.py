"""The history of tool permissions: filters, pages by keyset, one decision, and how long decisions took."""

import re
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from uuid import UUID

from server.errors import Invalid, NotFound
from server.kernel.db import Caller, Connection, Database, Record
from server.kernel.db.lists import Span
from server.kernel.http import ListFilters, is_id
from server.permissions import decision_search

STATUSES = {
    "allowed": "allowed", "denied": "denied", "timeout": "expired", "cancelled": "cancelled", "pending": "waiting",
}  # fmt: skip
HOW = {
    "person": "by a person",
    "grant": "by a standing approval",
    "limit": "under a limit",
    "shown": "shown, without asking",
    "refused": "refused by the tool",
    "not_required": "runs freely",
}
EXECUTED = {"succeeded": "succeeded", "failed": "failed", "started": "no result reported", "not": "not run"}
DAYS = {"1": "last 24 hours", "7": "last 7 days", "30": "last 30 days", "": "all that is kept"}
COLUMNS = (
    "requested_at", "tool_name", "arguments", "changed_arguments", "proposed_arguments", "agent_name", "username", "customer", "status", "rule",
    "responded_by_name", "reason", "responded_at", "executed", "executed_at", "is_test", "interaction_id", "id",
)  # fmt: skip
PAGE, _BATCH = 50, 2000
_GRANT = re.compile(r"([01])\.(\d{1,18})\.([0-9a-f-]{36})")
_CURSOR = re.compile(r"(\d{1,18})\.([0-9a-f-]{36})")
# A person pressed in the second half of its time, which stands still while an allow can be taken back; in the words of the index and of
# the statistics tool_permissions_lateness.
_LATE = """rule is null and status in ('allowed', 'denied') and coalesce(held_at, responded_at) - requested_at
  - (expires_at - requested_at - (responded_at - coalesce(held_at, responded_at))) / 2 > interval '0'"""
_SHOWN = f"""id, requested_at, responded_at, expires_at, tool_name, arguments, status, rule, reason, responded_by_name, grant_use,
  executed, executed_at, interaction_id, agent_id, agent_name, username, phone_number, caller,
  is_test, anonymised_at, changed_arguments, proposed_arguments, {_LATE} as late, (extract(epoch from requested_at) * 1000000)::bigint as moment"""
# The condition of an index, and then the same in the words of the statistics tool_permissions_execution.
_STATE = """case when executed_at is not null and execution_succeeded is null then 'started'
  when status = 'allowed' and executed_at is null then 'not' end"""
_EXECUTED = {
    "succeeded": "execution_succeeded",
    "failed": "not execution_succeeded",
    "started": f"executed_at is not null and execution_succeeded is null and ({_STATE}) = 'started'",
    "not": f"status = 'allowed' and executed_at is null and ({_STATE}) = 'not'",
}
# What was known when a person pressed: of the metrics the same as private.beat_pulse puts on a card, and what was said.
_ONE = """
select r.*, t.execution_result, t.tool_description, t.known_tool, g.granted_by_name, g.created_at as granted_at, g.uses, g.max_uses, g.ended_at, g.ended_how,
  case when g.id is not null then private.grant_words(g) end as grant_words, k.sentiment, k.satisfaction_score, k.feed, t.usual_amount::float,
  coalesce(l.changed_arguments, l.arguments)::text as last_arguments, l.responded_at as last_allowed_at,
  (select array_agg(private.grant_words(o)) from public.tool_grants o where o.interaction_id = r.interaction_id and o.permission_id = r.id) as given,
  (select coalesce(jsonb_agg(jsonb_build_object('speaker', s.speaker, 'text', s.text, 'at', s.created_at) order by s.created_at, s.id), '[]')
   from (select n.id, n.speaker, n.text, n.created_at from public.interaction_turns n
     where n.interaction_id = r.interaction_id and n.created_at <= p.moment order by n.created_at desc, n.id desc limit 4) s) as said
from private.decision_rows r join public.tool_permissions t on t.id = r.id
cross join lateral (select coalesce(t.held_at, r.responded_at, now()) as moment) p
left join public.tool_grants g on g.id = r.grant_id
left join public.tool_permissions l on l.id = t.compared_with and l.arguments::text <> '{}' and r.rule is null
cross join lateral (
  select (array_agg(m.sentiment order by m.place) filter (where m.sentiment is not null))[1] as sentiment,
    (array_agg(m.satisfaction_score order by m.place) filter (where m.satisfaction_score is not null))[1] as satisfaction_score,
    coalesce(jsonb_agg(jsonb_build_object('at', m.at, 'text', m.feed_text) order by m.place) filter (where m.line <= 3), '[]') as feed
  from (
    select v.*, case when v.feed_text <> '' then row_number() over (partition by v.feed_text <> '' order by v.place) end as line
    from (
      select w.*, e.at, row_number() over (order by e.at desc, w.timestamp desc) as place from public.realtime_metrics w
      cross join lateral (select coalesce(w.effective_at, w.timestamp) as at) e
      where w.interaction_id = r.interaction_id and w.created_at <= p.moment) v) m) k
where r.id = $1
"""
_MOST = 100  # lines of a table of times


@dataclass(frozen=True, slots=True)
class Filters(ListFilters):
    """Without a filter of how it was decided, tools that run freely are left out. `q` is a part of the tool, the arguments, those that a person changed or proposed, the reason, the agent or the text of the caller."""

    CHOICES: ClassVar[Mapping[str, Collection[str]]] = {
        "days": DAYS,
        "status": STATUSES,
        "how": HOW,
        "executed": EXECUTED,
        "late": ("yes",),
    }
    NAMES: ClassVar[Collection[str]] = ("tool", "who", "supervisor")

    status: str = ""
    how: str = ""
    who: str = ""  # the name of the person who decided
    tool: str = ""
    executed: str = ""
    late: str = ""  # "yes": answered in the second half of its time


def _where(filters: Filters, span: Span, before: Sequence[Any] = ()) -> tuple[str, list[Any]]:
    """The condition on public.tool_permissions alone, so that its indexes give the newest rows, without the text; and its arguments, after those before."""
    parts, given = list[str](), [*before]

    def add(condition: str, *values: Any) -> None:
        for value in values:
            given.append(value)
            condition = condition.replace("?", f"${len(given)}", 1)
        parts.append(condition)

    if not _possible(filters):
        parts.append("false")
    if span.since:
        add("requested_at >= ?", span.since)
    if span.until:
        add("requested_at < ?", span.until)
    if filters.status:
        add("status = ?", filters.status)
    if filters.how == "person":
        add("rule is null and status in ('allowed', 'denied')")
    elif filters.how:
        add("rule = ?", filters.how)
    else:
        add("rule is distinct from 'not_required'")
    if filters.who:
        add("responded_by_name = ?", filters.who)
    if filters.tool:
        add("tool_name = ?", filters.tool)
    if filters.supervisor:
        add("supervisor_id = (select id from public.users where username = ?)", filters.supervisor)
    if filters.agent:
        add("agent_id = ?", UUID(filters.agent))
    if filters.executed:
        parts.append(_EXECUTED[filters.executed])
    if filters.late:
        parts.append(_LATE)
    return " and ".join(parts) or "true", given


def _possible(filters: Filters) -> bool:
    """Whether a decision can pass these filters together. Those that contradict each other would be looked for in all rows that have one of them."""
    by_a_person = bool(filters.who or filters.late) or filters.how == "person"
    by_a_rule = filters.how not in {"", "person"}
    statuses = {filters.status} if filters.status else set(STATUSES)
    if by_a_person:
        statuses &= {"allowed", "denied"}
    if by_a_rule:
        statuses &= {"denied" if filters.how == "refused" else "allowed"}
    if filters.executed:
        statuses &= {"allowed"}
    return bool(statuses) and not (by_a_person and by_a_rule)


def _with_text(filters: Filters, span: Span) -> tuple[str, list[Any]]:
    """The condition with the text, for what needs all rows; and its arguments."""
    condition, given = _where(filters, span)
    if filters.q:
        condition += f" and {decision_search.condition_of(filters.q, decision_search.ALL, given)}"
    return condition, given


def cursor_of(row: Record) -> str:
    """The place of a row in the history, as an address names it."""
    return f"{row['moment']}.{row['id']}"


def _place(cursor: str) -> tuple[int, UUID]:
    found = _CURSOR.fullmatch(cursor)
    if found is None or not is_id(found[2]):
        raise Invalid("There is no such page.")
    return int(found[1]), UUID(found[2])


async def listed(
    connection: Connection,
    filters: Filters,
    span: Span,
    *,
    before: str = "",
    after: str = "",
    limit: int = PAGE,
) -> tuple[Sequence[Record], bool]:
    """The rows that match, newest first, on this side of a row's place; and whether there are more beyond them.

    Each is read by its id: the planner expects so few people that it may join everybody's rows first.
    """
    condition, given = _where(filters, span)
    moment = None
    if cursor := before or after:
        moment, last = _place(cursor)
        given += [moment, last]
        sign = "<" if before else ">"
        place = f"(timestamptz 'epoch' + ${len(given) - 1}::bigint * interval '1 microsecond', ${len(given)}::uuid)"
        condition += f" and (requested_at, id) {sign} {place}"
    narrow = any(
        (
            filters.status,
            filters.how,
            filters.who,
            filters.tool,
            filters.agent,
            filters.executed,
            filters.late,
        )
    )
    asked = decision_search.Asked(
        filters.q, condition, given, filters.supervisor, span, moment, bool(after), limit + 1, narrow
    )
    found, given = await asked.find(connection) if filters.q else asked.query("")
    rows = await connection.fetch(
        f"""
        with found (found_id) as materialized ({found})
        select {_SHOWN} from found cross join lateral (select * from private.decision_rows where id = found_id offset 0) r
        order by {asked.order}
        """,
        *given,
    )
    kept = rows[:limit]
    return kept[::-1] if after else kept, len(rows) > limit


async def everything(
    db: Database, viewer: Caller, filters: Filters, span: Span
) -> AsyncIterator[Sequence[Record]]:
    """All rows that match, newest first, in batches; each is a transaction of its own, so a slow reader holds no connection."""
    before = ""
    while True:
        async with db.as_viewer(viewer) as connection:
            rows, more = await listed(connection, filters, span, before=before, limit=_BATCH)
        yield rows
        if not more:
            return
        before = cursor_of(rows[-1])


async def find(connection: Connection, permission_id: UUID) -> Record:
    """One row with its result, its standing approval, and what its card showed when it was answered. NotFound."""
    row = await connection.fetchrow(_ONE, permission_id)
    if row is None:
        raise NotFound("There is no such tool permission.")
    return row


async def times(connection: Connection, filters: Filters, span: Span) -> dict[str, Sequence[Record]]:
    """How long decisions of people took, for each supervisor, agent and tool: median and p95 in seconds, expired share in percent.

    Until the person pressed, also where the allow could be taken back after that. The hundred of each that were asked most;
    `lines` of each row is how many there are. `chosen` is the value of the filter for it.
    """
    condition, given = _with_text(filters, span)
    rows = await connection.fetch(
        f"""
        with decided as materialized (
          select t.supervisor_id, t.agent_id, t.tool_name, t.status,
            extract(epoch from coalesce(t.held_at, t.responded_at) - t.requested_at) as wait
          from public.tool_permissions t where {condition} and t.rule is null and t.status in ('allowed', 'denied', 'timeout')
            and not exists (select from public.interactions i where i.id = t.interaction_id and i.is_test)
        ), grouped as (
          select supervisor_id, agent_id, tool_name, count(*) as asked, count(*) filter (where status = 'allowed') as allowed,
            count(*) filter (where status = 'denied') as denied, 100.0 * count(*) filter (where status = 'timeout') / count(*) as expired,
            percentile_cont(0.5) within group (order by wait) filter (where status <> 'timeout') as median,
            percentile_cont(0.95) within group (order by wait) filter (where status <> 'timeout') as p95
          from decided group by grouping sets ((supervisor_id), (agent_id), (tool_name)))
        select * from (
          select k.kind, n.name, n.chosen, g.asked, g.allowed, g.denied, g.expired, g.median, g.p95, count(*) over (partition by k.kind) as lines,
            row_number() over (partition by k.kind order by g.asked desc, n.name, n.chosen) as place
          from grouped g left join public.users u on u.id = g.supervisor_id left join public.agents a on a.id = g.agent_id
          cross join lateral (select case when u.id is not null then 'supervisor' when a.id is not null then 'agent' else 'tool' end as kind) k
          cross join lateral (select coalesce(u.username, a.name, g.tool_name) as name, coalesce(u.username, a.id::text, g.tool_name) as chosen) n) l
        where l.place <= {_MOST} order by l.place
        """,
        *given,
    )
    return {kind: [row for row in rows if row["kind"] == kind] for kind in ("supervisor", "agent", "tool")}


# What people answered, as the viewer may know it: a supervisor their own, an admin everybody's.
_ANSWERED = """
  select t.id, t.responded_by, t.tool_name, t.status, coalesce(t.held_at, t.responded_at) as pressed_at
  from public.tool_permissions t where t.rule is null and t.responded_by is not null
    and (t.responded_by = (select private.viewer_id()) or (select private.viewer_role()) = 'admin')
    and not exists (select from public.interactions i where i.id = t.interaction_id and i.is_test)"""


async def attention(connection: Connection, filters: Filters, span: Span) -> Sequence[Record]:
    """How each person decided, by tool: what they had before their eyes, for how long, and what they opened; by name, no ranking.

    A supervisor gets their own rows, an admin everybody's. What was never reported as seen (no JavaScript, no page) is counted
    in `answered` and in nothing else. Seconds until the person pressed, also where the allow could be taken back after that.
    A run of allows is one among all that the person answered of this tool in this time, whatever else is filtered. The first
    hundred rows; `lines` of each is how many there are.
    """
    condition, given = _with_text(filters, span)
    every = "select * from decided"
    all_in_time = replace(filters, q="", status="", how="", agent="", executed="", late="")
    if all_in_time != filters:
        in_time, given = _where(all_in_time, span, given)
        every = f"{_ANSWERED} and {in_time}"
    return await connection.fetch(
        f"""
        with decided as materialized ({_ANSWERED} and {condition}), runs as (
          select responded_by, tool_name, status, count(*) as length from (
            select e.*, row_number() over (partition by responded_by, tool_name order by pressed_at, id)
              - row_number() over (partition by responded_by, tool_name, status order by pressed_at, id) as run from ({every}) e) r
          group by responded_by, tool_name, status, run
        ), each as (
          select d.responded_by, d.tool_name, count(*) as answered, count(s.first_seen_at) as seen,
            percentile_cont(0.5) within group (order by extract(epoch from d.pressed_at - s.first_seen_at)) as median,
            percentile_cont(0.1) within group (order by extract(epoch from d.pressed_at - s.first_seen_at)) as p10,
            100.0 * count(*) filter (where d.pressed_at - s.first_seen_at < interval '2 seconds') / nullif(count(s.first_seen_at), 0) as hasty,
            100.0 * count(*) filter (where s.opened_arguments) / nullif(count(s.first_seen_at), 0) as opened
          from decided d left join public.permission_sights s on s.tool_permission_id = d.id and s.viewer_id = d.responded_by
          group by d.responded_by, d.tool_name)
        select coalesce(u.username, u.name) as name, e.*,
          coalesce((select max(r.length) from runs r where r.responded_by = e.responded_by and r.tool_name = e.tool_name and r.status = 'allowed'), 0) as run,
          count(*) over () as lines
        from each e join public.users u on u.id = e.responded_by
        order by 1, e.tool_name limit {_MOST}
        """,
        *given,
    )


async def grants(connection: Connection, before: str = "") -> tuple[Sequence[Record], str]:
    """Standing approvals: those in force, then those that ended in the last 24 hours, the newest first; with their uses.

    A page of them, behind the place `before`; and the place of its end where there are more, else empty. Invalid for no place.
    """
    found = _GRANT.fullmatch(before)
    if before and (found is None or not is_id(found[3])):
        raise Invalid("There is no such page.")
    place = (found[1] == "1", int(found[2]), UUID(found[3])) if found else (None, None, None)
    rows = await connection.fetch(
        f"""
        select g.id, g.in_force, g.tool_name, private.grant_words(g.whole) as words, g.granted_by_name, g.created_at, g.expires_at, g.uses, g.max_uses,
          g.used_sum, g.sum_limit, g.ended_at, g.ended_how, g.ended_by_name, g.interaction_id, a.name as agent_name, i.phone_number, i.caller,
          concat_ws('.', g.in_force::integer, (extract(epoch from g.created_at) * 1000000)::bigint, g.id) as place,
          (select coalesce(jsonb_agg(jsonb_build_object('id', t.id, 'at', t.requested_at, 'arguments', left(t.arguments::text, 200)) order by t.grant_use), '[]')
           from public.tool_permissions t where t.grant_id = g.id) as used
        from (
          select o.*, o as whole, o.ended_at is null and o.expires_at > now() as in_force from public.tool_grants o
          where o.ended_at is null or o.ended_at > now() - interval '24 hours') g
        join public.interactions i on i.id = g.interaction_id join public.agents a on a.id = i.agent_id
        where $1::boolean is null
          or (g.in_force, g.created_at, g.id) < ($1, timestamptz 'epoch' + $2::bigint * interval '1 microsecond', $3::uuid)
        order by g.in_force desc, g.created_at desc, g.id desc limit {PAGE + 1}
        """,
        *place,
    )
    return rows[:PAGE], str(rows[PAGE - 1]["place"]) if len(rows) > PAGE else ""
