create function public.restore_agent_version(p_agent_id uuid, p_version integer) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_whole jsonb;
begin
  perform from public.agents where id = p_agent_id and retired_at is null
    and (supervisor_id = any (private.visible_supervisor_ids()) or private.viewer_role() = 'admin') for no key update;
  if not found then
    raise exception 'there is no such agent' using errcode = 'FW404';
  end if;
  select coalesce(v.whole, pg_catalog.jsonb_build_object('name', v.name, 'system_prompt', v.system_prompt)) into v_whole
  from public.agent_versions v where v.agent_id = p_agent_id and v.version = p_version;
  if v_whole is null then
    raise exception 'there is no such version' using errcode = 'FW404';
  end if;
  perform pg_catalog.set_config('floorwalker.note', 'Restored version ' || p_version, true);
  if private.viewer_role() = 'supervisor' then
    update public.agents set system_prompt = v_whole ->> 'system_prompt' where id = p_agent_id;
  else
    update public.agents a set (name, description, system_prompt, first_message, voice_provider, voice_id, voice_name, model_provider,
        model_name, language, interrupt_enabled, silence_threshold_seconds) =
      (select r.name, r.description, r.system_prompt, r.first_message, r.voice_provider, r.voice_id, r.voice_name, r.model_provider,
        r.model_name, r.language, r.interrupt_enabled, r.silence_threshold_seconds
       from pg_catalog.jsonb_populate_record(a, v_whole) r)
    where a.id = p_agent_id;
    if v_whole ? 'tools' then
      perform private.replace_tools(p_agent_id, v_whole -> 'tools');
    end if;
    if v_whole ? 'config' then
      delete from public.agent_config where agent_id = p_agent_id and not v_whole -> 'config' ? config_key;
      insert into public.agent_config (agent_id, config_key, config_value)
      select p_agent_id, e.key, e.value from pg_catalog.jsonb_each(v_whole -> 'config') e
      on conflict (agent_id, config_key) do update set config_value = excluded.config_value
        where agent_config.config_value is distinct from excluded.config_value;
    end if;
  end if;
  return (select pg_catalog.max(v.version) from public.agent_versions v where v.agent_id = p_agent_id);
end $$;
comment on function public.restore_agent_version(uuid, integer) is
  'Makes what an agent was in a version the newest version, which is returned; for a supervisor the prompt alone. A tool whose endpoint differs loses its secret. FW404.';
grant execute on function public.restore_agent_version(uuid, integer) to authenticated;
