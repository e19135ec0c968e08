create function public.clone_agent(p_agent_id uuid, p_values jsonb) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_source public.agents;
  v_id uuid;
begin
  perform private.require_admin();
  select * into v_source from public.agents where id = p_agent_id for share;
  if v_source.id is null then
    raise exception 'there is no such agent' using errcode = 'FW404';
  elsif pg_catalog.jsonb_typeof(p_values) is distinct from 'object' then
    raise exception 'the values of a clone are an object' using errcode = 'FW422';
  elsif v_source.agent_type in ('voice', 'chat')
        and (p_values ->> 'supervisor_id' is null) <> coalesce(p_values ->> 'is_template' = 'true', false) then
    raise exception 'a clone has a supervisor, or is a template' using errcode = 'FW422';
  end if;
  if p_values ->> 'supervisor_id' is not null and not exists (select from public.users
      where id = private.id_argument(p_values, 'supervisor_id') and role = 'supervisor' and deactivated_at is null) then
    raise exception 'there is no such supervisor' using errcode = 'FW404';
  end if;
  insert into public.agents (supervisor_id, is_template, name, agent_type, description, system_prompt, first_message, voice_provider,
    voice_id, voice_name, model_provider, model_name, language, interrupt_enabled, silence_threshold_seconds, template_parent_id)
  select private.id_argument(p_values, 'supervisor_id'), coalesce((p_values ->> 'is_template')::boolean, false), r.name, v_source.agent_type,
    r.description, r.system_prompt, r.first_message, r.voice_provider, r.voice_id, r.voice_name, r.model_provider, r.model_name,
    r.language, r.interrupt_enabled, r.silence_threshold_seconds, v_source.id
  from pg_catalog.jsonb_populate_record(v_source, p_values - '{id,agent_type,supervisor_id,is_template}'::text[]) r
  returning id into v_id;
  perform private.replace_tools(v_id, private.agent_whole(p_agent_id) -> 'tools');
  update public.agent_tools t set sealed_secret = s.sealed_secret, secret_set_at = s.secret_set_at
  from public.agent_tools s where s.agent_id = p_agent_id and t.agent_id = v_id and t.tool_name = s.tool_name
    and s.sealed_secret is not null;
  insert into public.agent_config (agent_id, config_key, config_value)
  select v_id, c.config_key, c.config_value from public.agent_config c where c.agent_id = p_agent_id;
  return v_id;
end $$;
comment on function public.clone_agent(uuid, jsonb) is
  'Called by an admin: makes an agent, or a template (is_template), of an agent or a template, with other values where p_values has them, and with its tools, their secrets and its configuration; returns its id. FW403, FW404, FW409 when the supervisor has three, FW422.';
grant execute on function public.clone_agent(uuid, jsonb) to authenticated;
