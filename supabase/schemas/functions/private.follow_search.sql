create function private.follow_search() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_table_name = 'interactions' then
    perform private.find_again(new.id);
  elsif tg_table_name = 'interaction_turns' then
    insert into private.interactions_to_find (interaction_id, started_at)
    select i.id, i.started_at from public.interactions i where i.id = new.interaction_id
    on conflict do nothing;
  elsif tg_op = 'DELETE' then
    perform private.find_again(old.interaction_id);
  else
    perform private.find_again(new.interaction_id);
  end if;
  return null;
end $$;
comment on function private.follow_search() is
  'Trigger: an interaction ended or changed afterwards, its archive came, changed or went, or a turn arrived late.';
