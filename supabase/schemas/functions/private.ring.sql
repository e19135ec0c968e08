create function private.ring() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_owner uuid;
begin
  if tg_op = 'INSERT' then
    for v_owner in select distinct supervisor_id from inserted where supervisor_id is not null loop
      perform pg_catalog.pg_notify('floor', tg_table_name || ':' || v_owner);
    end loop;
  elsif tg_op = 'UPDATE' then
    for v_owner in select supervisor_id from before where supervisor_id is not null
        union select supervisor_id from after where supervisor_id is not null loop
      perform pg_catalog.pg_notify('floor', tg_table_name || ':' || v_owner);
    end loop;
  else
    for v_owner in select distinct supervisor_id from before where supervisor_id is not null loop
      perform pg_catalog.pg_notify('floor', tg_table_name || ':' || v_owner);
    end loop;
  end if;
  return null;
end $$;
comment on function private.ring() is
  'Statement trigger: NOTIFY floor, ''<table>:<supervisor_id>'' for each supervisor touched.';
