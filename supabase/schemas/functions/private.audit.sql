create function private.audit() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_before jsonb := case when tg_op <> 'INSERT' then pg_catalog.to_jsonb(old) end;
  v_after jsonb := case when tg_op <> 'DELETE' then pg_catalog.to_jsonb(new) end;
  v_row jsonb := coalesce(v_after, v_before);
  v_changes jsonb;
  v_person public.users;
begin
  select pg_catalog.jsonb_object_agg(c, pg_catalog.jsonb_build_array(v_before -> c, v_after -> c)) into v_changes
  from pg_catalog.unnest(tg_argv) c
  where v_before -> c is distinct from v_after -> c and (v_before is not null or v_after -> c <> 'null');
  if v_changes is null then
    return null;
  end if;
  select * into v_person from public.users where id = private.viewer_id();
  insert into public.audit_logs (actor_id, actor, action, row_id, supervisor_id, changes)
  values (v_person.id,
    coalesce(v_person.username, v_person.name, 'agent ' || private.current_agent(),
      nullif(pg_catalog.current_setting('role', true), 'none'), session_user),
    tg_table_name || '.' || pg_catalog.lower(tg_op), coalesce(v_row ->> 'id', v_row ->> 'name', v_row ->> 'supervisor_id'),
    coalesce(v_row ->> 'supervisor_id', case tg_table_name when 'users' then v_row ->> 'id' end,
      (select a.supervisor_id::text from public.agents a where a.id = (v_row ->> 'agent_id')::uuid))::uuid,
    v_changes);
  return null;
end $$;
comment on function private.audit() is
  'Trigger with the columns that count: writes what changed of them into audit_logs.';
