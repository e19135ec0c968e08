alter table public.agents enable row level security;

grant select on public.agents to agent_runtime, authenticated;
grant select, insert, update, delete on public.agents to service_role;
grant insert (supervisor_id, name, agent_type, system_prompt, description, first_message, voice_provider, voice_id, voice_name, model_provider, model_name, language, interrupt_enabled, silence_threshold_seconds, is_template, mcp_tools) on public.agents to authenticated;
grant update (name, system_prompt, description, first_message, voice_provider, voice_id, voice_name, model_provider, model_name, language, interrupt_enabled, silence_threshold_seconds, mcp_tools) on public.agents to authenticated;

create policy agents_itself on public.agents for select to agent_runtime
  using (id = (select private.current_agent()));

-- Templates and workers have no supervisor; admins see them.
create policy agents_visible on public.agents for select to authenticated
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[])
    or supervisor_id is null and (select private.viewer_role()) = 'admin');

create policy agents_made_by_admin on public.agents for insert to authenticated
  with check ((select private.viewer_role()) = 'admin');

-- Of these columns, agents_05_admins lets supervisors change the prompt alone.
create policy agents_changed on public.agents for update to authenticated
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[])
    or supervisor_id is null and (select private.viewer_role()) = 'admin');

create trigger agents_05_admins before update of name, description, first_message, voice_provider, voice_id, voice_name,
    model_provider, model_name, language, interrupt_enabled, silence_threshold_seconds, mcp_tools on public.agents
    for each row
  execute function private.refuse_supervisors();
create trigger agents_06_creator before insert on public.agents for each row
  execute function private.name_creator();
create trigger agents_07_parent before insert or update of template_parent_id on public.agents for each row
    when (new.template_parent_id is not null)
  execute function private.check_parent();
create trigger agents_10_slot before insert or update of supervisor_id, retired_at, slot on public.agents for each row
  execute function private.take_slot();
create trigger agents_20_status before insert or update of status, paused_at on public.agents for each row
  execute function private.derive_agent_status();
create trigger agents_30_touch before update on public.agents for each row
  execute function private.touch();
create trigger agents_40_mcp_tools_insert after insert on public.agents for each row when (new.mcp_tools is not null)
  execute function private.spread_mcp_tools();
create trigger agents_41_mcp_tools_update after update of mcp_tools on public.agents for each row
    when (old.mcp_tools is distinct from new.mcp_tools)
  execute function private.spread_mcp_tools();
create trigger agents_50_version_insert after insert on public.agents for each row
  execute function private.keep_version();
create trigger agents_51_version_update after update of name, system_prompt, mcp_tools, description, first_message,
    voice_provider, voice_id, voice_name, model_provider, model_name, language, interrupt_enabled,
    silence_threshold_seconds on public.agents for each row
  execute function private.keep_version();
create trigger agents_60_ring_insert after insert on public.agents referencing new table as inserted
    for each statement
  execute function private.ring();
create trigger agents_61_ring_update after update on public.agents
    referencing old table as before new table as after for each statement
  execute function private.ring();
create trigger agents_62_ring_delete after delete on public.agents referencing old table as before for each statement
  execute function private.ring();
create trigger agents_63_ring_keys after update of retired_at, setup_began_at, setup_ended_at on public.agents
    for each row when (old.retired_at is distinct from new.retired_at
    or old.setup_began_at is distinct from new.setup_began_at or old.setup_ended_at is distinct from new.setup_ended_at)
  execute function private.ring_agent_keys();
create trigger agents_70_audit after insert or delete or update on public.agents for each row
  execute function private.audit('supervisor_id', 'name', 'agent_type', 'paused_at', 'retired_at', 'is_template', 'template_parent_id',
    'setup_began_at', 'setup_ended_at');

create view public.agent_performance with (security_invoker=true) as
 select a.id as agent_id,
    a.name as agent_name,
    a.supervisor_id,
    a.status,
    coalesce(s.completed, 0::bigint) as total_interactions,
    s.csat / nullif(s.rated, 0)::numeric as avg_csat,
    s.handle_seconds / nullif(s.completed, 0)::numeric as avg_handle_time,
    s.fcr_true::double precision * 100::double precision / nullif(s.fcr_known, 0)::double precision as fcr_percentage
   from public.agents a
     left join private.agent_sums s on s.agent_id = a.id;
comment on view public.agent_performance is
  'One row per agent, over its completed interactions. FCR is a share of those whose FCR is known.';
grant select on public.agent_performance to authenticated, service_role;

create view private.agent_cards with (security_invoker=true) as
 select a.id,
    a.supervisor_id,
    a.slot,
    a.xmin::text || ' ' || i.version as row_version,
    a.name,
    a.agent_type,
    a.status,
    a.paused_at,
    i as interaction,
    case when i.id is null then (
      select row_to_json(l) from (
        select e.ended_at,
          e.status,
          c.csat_score,
          e.id
        from public.interactions e
          left join public.interaction_archives c on c.interaction_id = e.id
        where e.agent_id = a.id and e.status <> 'active'
        order by e.ended_at desc limit 1) l) end as last
   from public.agents a
     left join private.interaction_cards i on i.agent_id = a.id
  where a.retired_at is null;
comment on view private.agent_cards is
  'The card of an agent that is not retired: its interaction, or how the last one ended. row_version changes with the content of the card.';
grant select on private.agent_cards to authenticated;
