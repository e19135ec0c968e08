create function private.attach_turn() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_interaction public.interactions;
begin
  -- Waits for a transaction that moves, ends or deletes the interaction, whose result is then visible.
  select * into v_interaction from public.interactions where id = new.interaction_id for key share;
  if v_interaction.id is null or private.is_anothers(v_interaction.agent_id) then
    raise exception 'there is no such interaction' using errcode = 'FW404';
  elsif not private.takes_late(v_interaction) then
    raise exception 'the interaction has ended' using errcode = 'FW409';
  end if;
  new.supervisor_id := v_interaction.supervisor_id;
  new.late := v_interaction.status <> 'active';
  new.digest := pg_catalog.sha256(pg_catalog.convert_to(
    case when new.external_id is null then 'text ' || new.text else 'id ' || new.external_id end, 'UTF8'));
  return new;
end $$;
comment on function private.attach_turn() is
  'Trigger: fills supervisor, late and digest; FW409 when the interaction no longer accepts late turns, FW404 when there is none.';
