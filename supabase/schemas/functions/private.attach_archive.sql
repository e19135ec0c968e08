create function private.attach_archive() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_interaction public.interactions;
begin
  select * into v_interaction from public.interactions where id = new.interaction_id for key share;
  if v_interaction.id is null or private.is_anothers(v_interaction.agent_id) then
    raise exception 'there is no such interaction' using errcode = 'FW404';
  elsif v_interaction.status = 'active' then
    raise exception 'the interaction is still active: end it, then archive it' using errcode = 'FW409';
  end if;
  new.supervisor_id := v_interaction.supervisor_id;
  return new;
end $$;
comment on function private.attach_archive() is
  'Trigger: fills the supervisor; FW409 while the interaction is active.';
