-- Two pairs of settings have an order, in which an admin's choice and a later environment may disagree: metrics are not kept longer
-- than their archive, and an interaction is silent before it ends. The environment wins, and the other one of the pair moves as
-- little as it must; with both or neither fixed they are in order already.
create function private.settle_settings(p_by uuid) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_by_name text := (select u.name from public.users u where u.id = p_by);
  v_now jsonb;
  v_fixed jsonb;
  v_one record;
begin
  select pg_catalog.jsonb_object_agg(s.name, coalesce(s.fixed_to, s.chosen, s.initial, s.value::text, s.words)),
    pg_catalog.jsonb_object_agg(s.name, s.fixed_to is not null)
  into v_now, v_fixed from private.settings s;
  if (v_now ->> 'metrics_hours')::integer > 24 * (v_now ->> 'archive_days')::integer then
    v_now := v_now || case when (v_fixed ->> 'archive_days')::boolean
      then pg_catalog.jsonb_build_object('metrics_hours', (24 * (v_now ->> 'archive_days')::integer)::text)
      else pg_catalog.jsonb_build_object('archive_days', (((v_now ->> 'metrics_hours')::integer + 23) / 24)::text) end;
  end if;
  if (v_now ->> 'stale_seconds')::integer >= (v_now ->> 'reap_seconds')::integer then
    v_now := v_now || case when (v_fixed ->> 'reap_seconds')::boolean
      then pg_catalog.jsonb_build_object('stale_seconds', greatest(1, (v_now ->> 'reap_seconds')::integer - 1)::text)
      else pg_catalog.jsonb_build_object('reap_seconds', ((v_now ->> 'stale_seconds')::integer + 1)::text) end;
  end if;
  for v_one in
    select s.name, coalesce(s.value::text, s.words) as before, v_now ->> s.name as after, s.value is not null as counts
    from private.settings s where coalesce(s.value::text, s.words) <> v_now ->> s.name order by s.name
  loop
    update private.settings set value = case when v_one.counts then v_one.after::integer end,
      words = case when not v_one.counts then v_one.after end
    where name = v_one.name;
    insert into public.setting_changes (name, before, after, changed_by, changed_by_name)
    values (v_one.name, v_one.before, v_one.after, p_by, v_by_name);
  end loop;
end $$;
comment on function private.settle_settings(uuid) is
  'Makes what the environment fixes, else an admin chose, else is initial, the value that holds, and writes down what changed and by whom; null: by the environment.';
