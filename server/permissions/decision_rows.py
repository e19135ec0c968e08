"""The history of tool permissions: filters, pages by keyset, one decision, and how long decisions took."""

import re
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
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
_CURSOR = re.compile(r"(\d{1,18})\.([0-9a-f-]{36})")
_SHOWN = """id, requested_at, responded_at, expires_at, tool_name, arguments, status, rule, reason, responded_by_name, grant_use,
  executed, executed_at, interaction_id, agent_id, agent_name, username, phone_number, caller,
  is_test, anonymised_at, changed_arguments, proposed_arguments, (extract(epoch from requested_at) * 1000000)::bigint as moment"""
_EXECUTED = {
    "succeeded": "execution_succeeded",
    "failed": "not execution_succeeded",
    "started": "executed_at is not null and execution_succeeded is null",
    "not": "status = 'allowed' and executed_at is null",
}
_MOST = 100  # lines of a table of times


@dataclass(frozen=True, slots=True)
class Filters(ListFilters):
    """Without a filter of how it was decided, tools that run freely are left out. `q` is a part of the tool, the arguments, the reason, the agent or the text of the caller."""

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


def _where(filters: Filters, span: Span) -> tuple[str, list[Any]]:
    """The condition on public.tool_permissions alone, so that its indexes give the newest rows, without the text; and its arguments."""
    parts, given = list[str](), list[Any]()

    def add(condition: str, *values: Any) -> None:
        for value in values:
            given.append(value)
            condition = condition.replace("?", f"${len(given)}", 1)
        parts.append(condition)

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
        add(
            "rule is null and status in ('allowed', 'denied') and responded_at - requested_at > (expires_at - requested_at) / 2"
        )
    return " and ".join(parts) or "true", given


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
    """The rows that match, newest first, on this side of a row's place; and whether there are more beyond them."""
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
        with found as materialized ({found})
        select {_SHOWN} from found join private.decision_rows using (id) order by {asked.order}
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
    """One row with its result, its standing approval, and what was known of the interaction when it was answered. NotFound."""
    row = await connection.fetchrow(
        """
        select r.*, t.execution_result, t.tool_description, g.granted_by_name, g.created_at as granted_at, g.uses, g.max_uses, g.ended_at, g.ended_how,
          case when g.id is not null then private.grant_words(g) end as grant_words,
          (select jsonb_build_object('sentiment', m.sentiment, 'satisfaction_score', m.satisfaction_score)
           from public.realtime_metrics m where m.interaction_id = r.interaction_id and m.created_at <= coalesce(r.responded_at, now())
           order by m.timestamp desc limit 1) as mood,
          (select coalesce(jsonb_agg(jsonb_build_object('speaker', s.speaker, 'text', s.text, 'at', s.created_at) order by s.created_at, s.id), '[]')
           from (select n.id, n.speaker, n.text, n.created_at from public.interaction_turns n
             where n.interaction_id = r.interaction_id and n.created_at <= coalesce(r.responded_at, now())
             order by n.created_at desc, n.id desc limit 4) s) as said
        from private.decision_rows r join public.tool_permissions t on t.id = r.id
        left join public.tool_grants g on g.id = r.grant_id
        where r.id = $1
        """,
        permission_id,
    )
    if row is None:
        raise NotFound("There is no such tool permission.")
    return row


async def times(connection: Connection, filters: Filters, span: Span) -> dict[str, Sequence[Record]]:
    """How long decisions of people took, for each supervisor, agent and tool: median and p95 in seconds, expired share in percent."""
    condition, given = _with_text(filters, span)
    rows = await connection.fetch(
        f"""
        with decided as materialized (
          select t.supervisor_id, t.agent_id, t.tool_name, t.status, extract(epoch from t.responded_at - t.requested_at) as wait
          from public.tool_permissions t where {condition} and t.rule is null and t.status in ('allowed', 'denied', 'timeout')
            and not exists (select from public.interactions i where i.id = t.interaction_id and i.is_test)
        ), grouped as (
          select supervisor_id, agent_id, tool_name, count(*) as asked, count(*) filter (where status = 'allowed') as allowed,
            count(*) filter (where status = 'denied') as denied, 100.0 * count(*) filter (where status = 'timeout') / count(*) as expired,
            percentile_cont(0.5) within group (order by wait) filter (where status <> 'timeout') as median,
            percentile_cont(0.95) within group (order by wait) filter (where status <> 'timeout') as p95
          from decided group by grouping sets ((supervisor_id), (agent_id), (tool_name)))
        select case when u.id is not null then 'supervisor' when a.id is not null then 'agent' else 'tool' end as kind,
          coalesce(u.username, a.name, g.tool_name) as name, g.asked, g.allowed, g.denied, g.expired, g.median, g.p95
        from grouped g left join public.users u on u.id = g.supervisor_id left join public.agents a on a.id = g.agent_id
        order by g.asked desc, 2
        """,
        *given,
    )
    return {
        kind: [row for row in rows if row["kind"] == kind][:_MOST] for kind in ("supervisor", "agent", "tool")
    }


async def attention(connection: Connection, filters: Filters, span: Span) -> Sequence[Record]:
    """How each person decided, by tool: what they had before their eyes, for how long, and what they opened; by name, no ranking.

    A supervisor gets their own rows, an admin everybody's. What was never reported as seen (no JavaScript, no page) is counted
    in `answered` and in nothing else. Seconds; an allow that could be taken back counts from when it took effect.
    """
    condition, given = _with_text(filters, span)
    return await connection.fetch(
        f"""
        with decided as materialized (
          select t.id, t.responded_by, t.tool_name, t.status, t.responded_at
          from public.tool_permissions t where {condition} and t.rule is null and t.responded_by is not null
            and (t.responded_by = (select private.viewer_id()) or (select private.viewer_role()) = 'admin')
            and not exists (select from public.interactions i where i.id = t.interaction_id and i.is_test)
        ), runs as (
          select responded_by, tool_name, status, count(*) as length from (
            select d.*, row_number() over (partition by responded_by, tool_name order by responded_at, id)
              - row_number() over (partition by responded_by, tool_name, status order by responded_at, id) as run from decided d) r
          group by responded_by, tool_name, status, run
        ), each as (
          select d.responded_by, d.tool_name, count(*) as answered, count(s.first_seen_at) as seen,
            percentile_cont(0.5) within group (order by extract(epoch from d.responded_at - s.first_seen_at)) as median,
            percentile_cont(0.1) within group (order by extract(epoch from d.responded_at - s.first_seen_at)) as p10,
            100.0 * count(*) filter (where d.responded_at - s.first_seen_at < interval '2 seconds') / nullif(count(s.first_seen_at), 0) as hasty,
            100.0 * count(*) filter (where s.opened_arguments) / nullif(count(s.first_seen_at), 0) as opened
          from decided d left join public.permission_sights s on s.tool_permission_id = d.id and s.viewer_id = d.responded_by
          group by d.responded_by, d.tool_name)
        select coalesce(u.username, u.name) as name, e.*,
          coalesce((select max(r.length) from runs r where r.responded_by = e.responded_by and r.tool_name = e.tool_name and r.status = 'allowed'), 0) as run
        from each e join public.users u on u.id = e.responded_by
        order by 1, e.tool_name limit {_MOST}
        """,
        *given,
    )


async def grants(connection: Connection) -> Sequence[Record]:
    """Standing approvals: those in force, then those that ended in the last 24 hours, the newest first; with their uses."""
    return await connection.fetch(
        """
        select g.id, g.tool_name, private.grant_words(g) as words, g.granted_by_name, g.created_at, g.expires_at, g.uses, g.max_uses,
          g.used_sum, g.sum_limit, g.ended_at, g.ended_how, g.ended_by_name, g.interaction_id, a.name as agent_name, i.phone_number, i.caller,
          g.ended_at is null and g.expires_at > now() as in_force,
          (select coalesce(jsonb_agg(jsonb_build_object('id', t.id, 'at', t.requested_at, 'arguments', left(t.arguments::text, 200)) order by t.grant_use), '[]')
           from public.tool_permissions t where t.grant_id = g.id) as used
        from public.tool_grants g join public.interactions i on i.id = g.interaction_id join public.agents a on a.id = i.agent_id
        where g.ended_at is null or g.ended_at > now() - interval '24 hours'
        order by in_force desc, g.created_at desc limit 100
        """
    )
