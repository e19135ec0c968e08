-- Agents, their tools, configuration and conversations under the names that three other specifications give them, so that queries
-- which were written for those run here. The views use the rights of their reader.

create or replace function public.system_report() returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_statements text := (select n.nspname from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace
    where e.extname = 'pg_stat_statements');
  v_slow jsonb;
begin
  if private.viewer_role() is distinct from 'admin' then
    raise exception 'only admins see the system page' using errcode = 'FW403';
  end if;
  if v_statements is not null then
    begin
      execute pg_catalog.format(
        'select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(s) order by s.mean desc), ''[]'') from (
          select pg_catalog.left(query, 300) as query, calls, mean_exec_time as mean, max_exec_time as max, total_exec_time as total
          from %I.pg_stat_statements where dbid = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
            and calls > 1 order by mean_exec_time desc limit 10) s', v_statements) into v_slow;
    exception when others then
      v_slow := null;  -- not preloaded: installed and without an answer
    end;
  end if;
  return pg_catalog.jsonb_build_object(
    'database', pg_catalog.jsonb_build_object(
      'version', pg_catalog.current_setting('server_version'),
      'bytes', pg_catalog.pg_database_size(pg_catalog.current_database()),
      'connections', (select pg_catalog.count(*) from pg_catalog.pg_stat_activity where datname = pg_catalog.current_database()),
      'max_connections', pg_catalog.current_setting('max_connections')::integer,
      'notification_queue', pg_catalog.pg_notification_queue_usage(),
      'oldest_transaction', (select pg_catalog.min(xact_start) from pg_catalog.pg_stat_activity
        where datname = pg_catalog.current_database() and pid <> pg_catalog.pg_backend_pid())),
    'tables', (select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(t) order by t.bytes desc, t.name), '[]') from (
      select s.schemaname || '.' || s.relname as name, pg_catalog.pg_total_relation_size(s.relid) as bytes,
        pg_catalog.pg_indexes_size(s.relid) as index_bytes, s.n_live_tup as rows, s.n_dead_tup as dead_rows,
        s.seq_scan as whole_reads, coalesce(s.idx_scan, 0) as index_reads, greatest(s.last_vacuum, s.last_autovacuum) as vacuumed_at
      from pg_catalog.pg_stat_user_tables s where s.schemaname in ('public', 'private')) t),
    'unused_indexes', (select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(u) order by u.bytes desc, u.name), '[]') from (
      select s.schemaname || '.' || s.indexrelname as name, pg_catalog.pg_relation_size(s.indexrelid) as bytes
      from pg_catalog.pg_stat_user_indexes s join pg_catalog.pg_index i on i.indexrelid = s.indexrelid
      where s.schemaname in ('public', 'private') and s.idx_scan = 0 and not i.indisunique) u),
    'open_views', (select coalesce(pg_catalog.jsonb_agg(n.nspname || '.' || c.relname order by n.nspname, c.relname), '[]')
      from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where n.nspname in ('public', 'private', 'sdr', 'eleven', 'escalation') and c.relkind = 'v'
        and not exists (select from pg_catalog.pg_depend d where d.objid = c.oid and d.deptype = 'e')
        and not coalesce((select o.option_value::boolean from pg_catalog.pg_options_to_table(c.reloptions) o
          where o.option_name = 'security_invoker'), false)),
    'slow', v_slow,
    'retention', pg_catalog.jsonb_build_object(
      'metrics_hours', private.setting('metrics_hours'), 'archive_days', private.setting('archive_days'),
      'oldest_metric', (select pg_catalog.min(created_at) from public.realtime_metrics),
      'oldest_archive', (select pg_catalog.min(created_at) from public.interaction_archives),
      'oldest_not_forgotten', (select pg_catalog.min(ended_at) from public.interactions where ended_at is not null and anonymised_at is null),
      'not_folded', (select pg_catalog.count(*) from (select from private.performance_changes limit 100000) c)),
    'faults', (select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(f) order by f.created_at desc), '[]') from (
      select user_id, reason, created_at from private.profile_faults order by created_at desc limit 10) f));
end $$;
comment on function public.system_report() is
  'Sizes, index use, views that pass row-level security, slow queries, retention and faults, for admins. FW403.';
grant execute on function public.system_report() to authenticated;

create schema eleven;
comment on schema eleven is 'Agents, templates and configuration under the names of elevenlabs-agents. Views alone; an API does not expose it.';
grant usage on schema eleven to authenticated, service_role;

create view eleven.agents with (security_invoker=true) as
 select a.id,
    null::text as elevenlabs_agent_id,
    a.name,
    a.description,
    a.system_prompt,
    a.first_message,
    a.voice_id,
    a.voice_name,
    a.language,
    a.is_template,
    a.template_parent_id,
    a.created_by as created_by_user_id,
    a.created_at,
    a.updated_at
   from public.agents a
  where a.agent_type in ('voice', 'chat') and a.retired_at is null;
comment on view eleven.agents is
  'Voice and chat agents that are not retired, and templates of such agents. elevenlabs_agent_id is null until agents are published at a provider.';
grant select on eleven.agents to authenticated, service_role;

create view eleven.agent_config with (security_invoker=true) as
 select c.id,
    c.agent_id,
    c.config_key,
        case jsonb_typeof(c.config_value) when 'string' then c.config_value #>> '{}' else c.config_value::text end as config_value,
    c.updated_at
   from public.agent_config c
     join public.agents a on a.id = c.agent_id
  where a.agent_type in ('voice', 'chat') and a.retired_at is null;
comment on view eleven.agent_config is
  'The configuration of eleven.agents: texts without quotation marks, everything else as JSON.';
grant select on eleven.agent_config to authenticated, service_role;

create schema escalation;
comment on schema escalation is 'Workers and voice agents under the names of escalation-calls. Views alone; an API does not expose it.';
grant usage on schema escalation to authenticated, service_role;

create view escalation.agents with (security_invoker=true) as
 select a.id,
    a.name,
        case a.agent_type when 'voice' then 'phone' else a.agent_type end as type,
        case
            when a.status = 'in_call' then 'busy'
            when a.retired_at is not null or a.paused_at is not null then 'offline'
            else 'idle'
        end as status,
    array( select t.tool_name
           from public.agent_tools t
          where t.agent_id = a.id
          order by t.tool_name collate "C") as capabilities,
    ( select jsonb_build_object('tasksCompleted', p.total_interactions, 'averageCsat', p.avg_csat,
            'averageHandleTime', p.avg_handle_time, 'fcrPercentage', p.fcr_percentage)
           from public.agent_performance p
          where p.agent_id = a.id) as performance_metrics,
    ( select coalesce(jsonb_object_agg(k.name, c.config_value), '{}'::jsonb)
           from ( values ('max_call_duration', 'maxCallDuration'), ('enable_recording', 'enableRecording'),
                    ('callback_url', 'callbackUrl'), ('custom_metadata', 'customMetadata'), ('smtp_host', 'smtpHost'),
                    ('smtp_port', 'smtpPort')) k(config_key, name)
             join public.agent_config c on c.config_key = k.config_key
          where c.agent_id = a.id) as config,
    a.created_at,
    a.updated_at
   from public.agents a
  where a.agent_type <> 'chat' and not a.is_template;
comment on view escalation.agents is
  'Voice agents, as phone, and workers: no chat agents and no templates. config has known keys alone, so that no secret is among them.';
grant select on escalation.agents to authenticated, service_role;

create schema sdr;
comment on schema sdr is 'Agents, tools and conversations under the names of ai-sdr. Views alone; an API does not expose it.';
grant usage on schema sdr to authenticated, service_role;

create view sdr.agents with (security_invoker=true) as
 select a.id::text as agent_id,
    a.name,
    a.system_prompt,
    a.first_message,
    a.voice_provider,
    a.voice_id,
    a.model_provider,
    a.model_name,
    a.interrupt_enabled,
    a.silence_threshold_seconds as silence_threshold_sec,
    a.created_at,
    a.updated_at,
    a.supervisor_id::text as user_id,
    a.retired_at is null as is_active
   from public.agents a
  where a.supervisor_id is not null;
comment on view sdr.agents is
  'Agents that have a supervisor: no templates and no workers.';
grant select on sdr.agents to authenticated, service_role;

create view sdr.agent_tools with (security_invoker=true) as
 select t.id::text as tool_id,
    t.agent_id::text as agent_id,
    t.tool_name as name,
    coalesce(t.description, '') as description,
    s.required::text as required_params,
    ( select coalesce(jsonb_agg(p.name order by p.name collate "C"), '[]'::jsonb)::text
           from jsonb_object_keys(s.properties) p(name)
          where not s.required ? p.name) as optional_params,
    t.tool_config ->> 'endpoint' as webhook_url,
    t.created_at
   from public.agent_tools t
     join public.agents a on a.id = t.agent_id
     cross join lateral ( select
            case jsonb_typeof(t.input_schema -> 'required') when 'array' then t.input_schema -> 'required' else '[]'::jsonb end as required,
            case jsonb_typeof(t.input_schema -> 'properties') when 'object' then t.input_schema -> 'properties' else '{}'::jsonb end as properties) s
  where a.supervisor_id is not null;
comment on view sdr.agent_tools is
  'The tools of sdr.agents. required_params and optional_params are names in a JSON list, as text.';
grant select on sdr.agent_tools to authenticated, service_role;

create view sdr.conversations with (security_invoker=true) as
 select coalesce(i.external_id, i.id::text) as conversation_id,
    i.agent_id::text as agent_id,
        case
            when i.status = 'active' then 'in-progress'
            when i.end_reason in ('disconnected', 'timeout') then i.end_reason
            else i.status
        end as status,
    ( select string_agg(initcap(t.speaker) || ': ' || t.text, e'\n' order by t.captured_at, t.id)
           from public.interaction_turns t
          where t.interaction_id = i.id) as transcript,
    i.phone_number,
    i.started_at,
    i.ended_at,
    i.created_at
   from public.interactions i
  where not i.is_test;
comment on view sdr.conversations is
  'Interactions that are no tests. conversation_id is unique per agent.';
grant select on sdr.conversations to authenticated, service_role;
