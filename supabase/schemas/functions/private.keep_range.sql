create function private.keep_range(p_whose text, p_since timestamptz, p_until timestamptz) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_day timestamptz := pg_catalog.date_trunc('day', pg_catalog.now(), 'UTC');
  v_part record;
  v_id bigint;
  v_asked_at timestamptz;
begin
  if pg_catalog.current_setting('transaction_read_only')::boolean then
    return;
  end if;
  -- The closed part, and the present UTC day, whose rows lie together here and scattered among all others in the sums.
  for v_part in
    select c.since, c.until from private.closed_part(p_since, p_until) c where c.since < c.until
    union all
    select v_day, v_day + interval '24 hours' where p_until > pg_catalog.now()
  loop
    v_id := null;
    select r.id, r.asked_at into v_id, v_asked_at from private.performance_ranges r
    where r.whose = p_whose and r.since = v_part.since and r.until = v_part.until;
    if v_id is not null then
      if v_asked_at < pg_catalog.now() - interval '1 hour' then
        -- A reader that finds the row locked leaves it to the other, so that readers never wait for one another.
        update private.performance_ranges set asked_at = pg_catalog.now()
        where id = (select r.id from private.performance_ranges r where r.id = v_id for update skip locked);
      end if;
      continue;
    end if;
    -- What adds the changes to the sums holds this lock too: a change is in the sums that are read here, or is added to the range later.
    perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('floorwalker performance sums', 0));
    insert into private.performance_ranges (whose, since, until) values (p_whose, v_part.since, v_part.until)
    on conflict (whose, since, until) do nothing returning id into v_id;
    continue when v_id is null;
    insert into private.performance_range_sums (range_id, key, completed, handle_seconds, rated, csat_hundredths, fcr_known, fcr_true)
    select v_id, s.key, s.completed, s.handle_seconds, s.rated, s.csat_hundredths, s.fcr_known, s.fcr_true
    from private.sums_between(p_whose, v_part.since, v_part.until) s order by s.key;
    -- At most so many, however many are asked for.
    delete from private.performance_ranges where id in (
      select r.id from private.performance_ranges r where r.id <> v_id order by r.asked_at desc, r.id desc offset 199);
  end loop;
end $$;
comment on function private.keep_range(text, timestamptz, timestamptz) is
  'Keeps the sums of the closed part of a range and of the present day, made at the first call; nothing in a transaction that only reads.';
