create function private.note_troubles() returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pg_catalog.clock_timestamp();
begin
  insert into private.troubles as t (name, since, ended_at) values ('looked', v_now, v_now)
  on conflict (name) do update set ended_at = v_now where t.ended_at < v_now - interval '20 seconds';
  if not found then
    return;  -- somebody has just looked
  end if;
  insert into private.troubles as t (name, since) select n.name, v_now from private.troubles_now() n
  on conflict (name) do update set since = v_now, ended_at = null where t.ended_at is not null;
  update private.troubles t set ended_at = v_now
  where t.ended_at is null and not exists (select from private.troubles_now() n where n.name = t.name);
end $$;
comment on function private.note_troubles() is
  'Writes down which troubles began and ended, every 20 seconds at most.';
