-- The names of the specification "ai-sdr": which expression each column is, says ../../NEIGHBOURS.md.

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
