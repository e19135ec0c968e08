create function private.open_views() returns table(name text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select n.nspname || '.' || c.relname
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname in ('public', 'private', 'sdr', 'eleven', 'escalation') and c.relkind = 'v'
    and not exists (select from pg_catalog.pg_depend d where d.objid = c.oid and d.deptype = 'e')
    and not coalesce((select o.option_value::boolean from pg_catalog.pg_options_to_table(c.reloptions) o
      where o.option_name = 'security_invoker'), false)
$$;
comment on function private.open_views() is
  'Views of this database that pass row-level security.';
