-- The names of the specification "escalation-calls": which expression each column is, says ../../NEIGHBOURS.md.

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
