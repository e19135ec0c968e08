create function private.note_key_use(p_key_ids uuid[]) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
  update public.agent_keys k set last_used_at = pg_catalog.clock_timestamp()
  from (select id from public.agent_keys where id = any (p_key_ids)
      and (last_used_at is null or last_used_at < pg_catalog.clock_timestamp() - interval '1 minute')
    order by id for no key update skip locked) used
  where k.id = used.id
$$;
comment on function private.note_key_use(uuid[]) is
  'These keys were used now; each is written at most once a minute.';
grant execute on function private.note_key_use(uuid[]) to floorwalker_web;
