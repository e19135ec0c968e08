create function private.count_archive() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_interaction public.interactions;
begin
  -- The lock waits for a transaction that moves the interaction in time or to another supervisor.
  if tg_op <> 'INSERT' then
    select * into v_interaction from public.interactions where id = old.interaction_id for share;
    perform private.note_performance(-1, v_interaction, old, false);
  end if;
  if tg_op <> 'DELETE' then
    select * into v_interaction from public.interactions where id = new.interaction_id for share;
    perform private.note_performance(1, v_interaction, new, false);
  end if;
  return null;
end $$;
comment on function private.count_archive() is
  'Trigger: the archive of a completed interaction came, changed or went.';
