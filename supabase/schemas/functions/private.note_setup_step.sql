create function private.note_setup_step(p_agent_id uuid, p_steps text[], p_status integer default null, p_detail text default null) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent public.agents;
begin
  if p_agent_id is null then
    -- A key that nobody has: shown to every admin who waits for a first call.
    if not exists (select from public.agents where setup_began_at is not null and setup_ended_at is null) then
      return;
    end if;
  else
    select * into v_agent from public.agents where id = p_agent_id for no key update;
    if v_agent.id is null or v_agent.setup_began_at is null or v_agent.setup_ended_at is not null then
      return;
    end if;
  end if;
  insert into public.setup_steps as s (agent_id, step, status, detail)
  select p_agent_id, step, p_status, pg_catalog.left(p_detail, 1000) from pg_catalog.unnest(p_steps) step
  on conflict (agent_id, step) do update set at = excluded.at, status = excluded.status, detail = excluded.detail
    where s.step = 'refused';
  if 'decision_delivered' = any (p_steps) then
    update public.agents set setup_ended_at = pg_catalog.clock_timestamp() where id = p_agent_id;
  end if;
end $$;
comment on function private.note_setup_step(uuid, text[], integer, text) is
  'Notes what arrived of an agent whose set-up waits for the first call: each step once, and the newest refusal with its status and sentence. The delivered decision ends the set-up. Without an agent, the refusal of an unknown key.';
grant execute on function private.note_setup_step(uuid, text[], integer, text) to floorwalker_web;
