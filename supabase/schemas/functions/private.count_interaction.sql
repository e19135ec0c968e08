create function private.count_interaction() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_archive public.interaction_archives;
begin
  if tg_op <> 'INSERT' then
    select * into v_archive from public.interaction_archives where interaction_id = old.id;
    perform private.note_performance(-1, old, v_archive, true);
  end if;
  if tg_op <> 'DELETE' then
    perform private.note_performance(1, new, v_archive, true);
    return null;
  end if;
  return old;
end $$;
comment on function private.count_interaction() is
  'Trigger: a completed interaction came, changed or goes; its archive counts with it.';
