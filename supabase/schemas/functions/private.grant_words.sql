create function private.grant_words(p_grant public.tool_grants) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.left(case p_grant.scope
    when 'exact' then 'the same arguments'
    when 'limit' then p_grant.limit_argument || ' up to ' || p_grant.each_limit || ', ' || p_grant.sum_limit || ' in all'
      || case when p_grant.freed = '{}' then '' else '; ' || pg_catalog.array_to_string(p_grant.freed, ', ') || ' may differ' end
    else 'any arguments' end, 300)
$$;
comment on function private.grant_words(public.tool_grants) is
  'What a grant covers, in at most 300 characters.';
grant execute on function private.grant_words(public.tool_grants) to authenticated;
