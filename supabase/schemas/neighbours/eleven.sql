-- The names of the specification "elevenlabs-agents": which expression each column is, says ../../NEIGHBOURS.md.

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
