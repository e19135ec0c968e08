create function private.attach_to_active() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent uuid;
begin
  -- Waits for a transaction that moves or deletes the interaction, whose result is then visible.
  perform from public.interactions where id = new.interaction_id for key share;
  select supervisor_id, agent_id into new.supervisor_id, v_agent
  from public.interaction_pulse where interaction_id = new.interaction_id;
  if v_agent is null then
    select agent_id into v_agent from public.interactions where id = new.interaction_id;
    if v_agent is not null and not private.is_anothers(v_agent) then
      raise exception 'the interaction has ended' using errcode = 'FW409';
    end if;
    raise exception 'there is no such interaction' using errcode = 'FW404';
  elsif private.is_anothers(v_agent) then
    raise exception 'there is no such interaction' using errcode = 'FW404';
  end if;
  return new;
end $$;
comment on function private.attach_to_active() is
  'Trigger: fills the supervisor; FW409 when the interaction has ended, FW404 when there is none.';
