"""A large contact centre, made within the database: people, agents, and a month of archived interactions."""

from typing import TypeAlias

import asyncpg

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# Loaded without triggers, which would take hours; what they would have written is written here, or counted afterwards.
_QUIET = "set session_replication_role = replica"
_LOUD = "set session_replication_role = origin"

_PEOPLE = """
with person as (
  insert into auth.users (id, email, raw_app_meta_data, raw_user_meta_data)
  select gen_random_uuid(), 'bench-' || n || '@example.com',
    jsonb_build_object('app_role', 'supervisor', 'username', 'bench-' || n, 'supervisor_type', case n % 2 when 0 then 'voice' else 'chat' end),
    jsonb_build_object('name', 'Bench ' || n)
  from generate_series(1, $1::integer) n returning id, raw_app_meta_data, raw_user_meta_data, email
), supervisor as (
  insert into public.users (id, email, role, name, username, supervisor_type)
  select id, email, 'supervisor', raw_user_meta_data ->> 'name', raw_app_meta_data ->> 'username', raw_app_meta_data ->> 'supervisor_type'
  from person returning id, supervisor_type, username
)
insert into public.agents (supervisor_id, name, agent_type, system_prompt, slot, status)
select id, 'Agent ' || username || ' ' || slot, supervisor_type, 'Be kind.', slot, 'idle'
from supervisor cross join generate_series(1, 3) slot
"""

# Spread evenly over the agents and over the days of this month so far.
_INTERACTIONS = """
with agent as (
  select row_number() over () - 1 as n, count(*) over () as agents, id, supervisor_id, agent_type
  from public.agents where name like 'Agent bench-%'
), one as (
  select a.*, g, date_trunc('month', now(), 'UTC')
      + (now() - date_trunc('month', now(), 'UTC') - interval '20 minutes') * ((g * 7919::bigint) % $1) / $1 as started_at,
    30 + (g * 31) % 900 as seconds
  from agent a cross join lateral (select k * a.agents + a.n as g from generate_series(0, $1::bigint / a.agents) k) o
  where g < $1
), interaction as (
  insert into public.interactions (agent_id, supervisor_id, interaction_type, phone_number, status, started_at, ended_at, created_at)
  select id, supervisor_id, agent_type, '+4940' || (10000000 + (g * 104729) % 80000000), 'completed', started_at,
    started_at + make_interval(secs => seconds), started_at
  from one returning id, supervisor_id, started_at, duration_seconds
)
insert into public.interaction_archives (interaction_id, supervisor_id, summary, issues, tags, csat_score, resolution_time_seconds, fcr_status, created_at)
select id, supervisor_id, 'The customer asked about an order and was helped.', '[{"issue": "order", "status": "resolved"}]',
  '{"topics": ["order"], "issues": [{"tag": "order", "status": "resolved"}]}', (hashtext(id::text) & 8191) % 101,
  duration_seconds, (hashtext(id::text) & 7) > 1, started_at + make_interval(secs => duration_seconds)
from interaction
"""


_INDEXES = """
select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as definition from pg_index
where indrelid in ('public.interactions'::regclass, 'public.interaction_archives'::regclass) and not indisunique
"""
# Their keys, and what refers to these.
_KEYS = """
select conrelid::regclass::text as of, quote_ident(conname) as name, pg_get_constraintdef(oid) as definition from pg_constraint
where contype in ('p', 'u') and conrelid in ('public.interactions'::regclass, 'public.interaction_archives'::regclass)
  or contype = 'f' and confrelid in ('public.interactions'::regclass, 'public.interaction_archives'::regclass)
order by contype = 'f'
"""


async def hire(superuser: Connection, supervisors: int) -> None:
    """Add so many supervisors with three agents each."""
    await superuser.execute(_QUIET)
    await superuser.execute(_PEOPLE, supervisors)
    await superuser.execute(_LOUD)


async def archive(superuser: Connection, interactions: int) -> None:
    """Add so many completed and archived interactions of this month, and count them."""
    keys, indexes = await superuser.fetch(_KEYS), await superuser.fetch(_INDEXES)
    # Both are made again at once instead of row by row, which takes an hour for ten million rows.
    for key in reversed(keys):
        await superuser.execute(f"alter table {key['of']} drop constraint {key['name']}")
    for index in indexes:
        await superuser.execute(f"drop index {index['name']}")
    await superuser.execute(_QUIET)
    await superuser.execute(_INTERACTIONS, interactions)
    await superuser.execute(_LOUD)
    await superuser.execute("set maintenance_work_mem = '1GB'")
    for index in indexes:
        await superuser.execute(index["definition"])
    for key in keys:
        await superuser.execute(f"alter table {key['of']} add constraint {key['name']} {key['definition']}")
    await superuser.execute("reset maintenance_work_mem")
    await superuser.execute("select private.recount_performance()")
    await superuser.execute("vacuum analyze")


async def live(superuser: Connection, history: int, pending: int) -> None:
    """An active interaction of every agent, so many tool permissions answered and so many waiting."""
    await superuser.execute(
        """insert into public.interactions (agent_id, interaction_type)
        select id, agent_type from public.agents where name like 'Agent bench-%'"""
    )
    await superuser.execute(_QUIET)
    await superuser.execute(
        """update public.interaction_pulse set captured_at = now(), sentiment = (array['good', 'neutral', 'critical'])[1 + (hashtext(agent_id::text) & 1)],
          satisfaction_score = 50, scores = array_fill(50, array[60]), feed = '[{"at": "2026-01-01T00:00:00Z", "text": "It goes on."}]'"""
    )
    await superuser.execute(
        """insert into public.tool_permissions (interaction_id, agent_id, supervisor_id, tool_name, arguments_digest, requested_at, expires_at, status,
          responded_at, responded_by, responded_by_name)
        select id, agent_id, supervisor_id, 'issue_refund', 'digest', started_at, started_at + interval '6 minutes', 'denied',
          started_at + interval '30 seconds', supervisor_id, 'bench'
        from public.interactions where status = 'completed' limit $1""",
        history,
    )
    await superuser.execute(_LOUD)
    await superuser.execute(
        """insert into public.tool_permissions (interaction_id, tool_name, arguments)
        select interaction_id, 'issue_refund', '{"amount": 12}' from public.interaction_pulse order by interaction_id limit $1""",
        pending,
    )
    await superuser.execute("vacuum analyze")


async def measure(superuser: Connection, each: int) -> None:
    """So many metrics, five seconds apart, of each active interaction."""
    await superuser.execute(_QUIET)
    await superuser.execute(
        """insert into public.realtime_metrics (interaction_id, supervisor_id, timestamp, sentiment, satisfaction_score, feed_text, created_at)
        select p.interaction_id, p.supervisor_id, s.at, 'good', 80, 'The customer asks where the order is.', s.at
        from (select now() - make_interval(secs => 5.0 * n) as at from generate_series(1, $1::integer) n) s
        cross join public.interaction_pulse p order by s.at""",
        each,
    )
    await superuser.execute(_LOUD)
    await superuser.execute("vacuum analyze public.realtime_metrics")


async def furnish(superuser: Connection) -> None:
    """Add what a floor has after a while: transcripts, keys, sessions, answers to repeated requests."""
    await superuser.execute(_QUIET)
    await superuser.execute(
        """insert into public.interaction_turns (interaction_id, supervisor_id, captured_at, speaker, text)
        select i.id, i.supervisor_id, i.started_at + make_interval(secs => n), 'customer', 'Where is my order?'
        from (select * from public.interactions order by id limit 20000) i, generate_series(1, 10) n"""
    )
    await superuser.execute(
        """insert into public.agent_tools (agent_id, tool_name, requires_permission, mode)
        select id, 'tool ' || n, true, 'asks' from public.agents, generate_series(1, 5) n"""
    )
    await superuser.execute(
        "insert into public.agent_keys (agent_id, key_hash, hint) select id, sha256(id::text::bytea), 'bench' from public.agents"
    )
    await superuser.execute(
        """insert into private.web_sessions (token_hash, user_id, access_token, refresh_token, expires_at)
        select sha256(id::text::bytea), id, '', '', now() + interval '1 hour' from public.users"""
    )
    await superuser.execute(
        """insert into private.idempotency_keys (agent_id, key, request_digest)
        select id, 'key ' || n, '' from public.agents, generate_series(1, 10) n"""
    )
    await superuser.execute(
        """insert into public.tool_grants (interaction_id, supervisor_id, tool_name, granted_by, granted_by_name, scope, max_uses, expires_at)
        select interaction_id, supervisor_id, 'check_order', supervisor_id, 'bench', 'any', 100, now() + interval '8 hours' from public.interaction_pulse"""
    )
    await superuser.execute(_LOUD)
    await superuser.execute("vacuum analyze")
