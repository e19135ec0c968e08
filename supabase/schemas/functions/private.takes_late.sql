create function private.takes_late(p_interaction public.interactions) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select (p_interaction).status = 'active' or ((p_interaction).anonymised_at is null
    and (p_interaction).ended_at > pg_catalog.clock_timestamp() - interval '10 minutes')
$$;
comment on function private.takes_late(public.interactions) is
  'Whether turns and numbers of the interaction are still taken: until ten minutes after its end.';
