create function private.settle_fcr(p_phone text, p_from timestamp with time zone, p_to timestamp with time zone) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_phone is null then
    return;
  end if;
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('fcr:' || p_phone, 0));
  update public.interaction_archives a set fcr_status = s.settled
  from (
    select a2.id,
      case
        when exists (
          select from public.interactions later join public.interaction_archives b on b.interaction_id = later.id
          where later.phone_number = p_phone and not later.is_test and later.started_at > i.started_at
            and later.started_at <= i.started_at + interval '3 days'
            and private.issue_tags(b.tags) && private.issue_tags(a2.tags)) then false
        else (select pg_catalog.bool_and(e ->> 'status' = 'resolved')
              from pg_catalog.jsonb_array_elements(coalesce(a2.issues, '[]') || coalesce(a2.tags -> 'issues', '[]')) e)
      end as settled
    from public.interactions i join public.interaction_archives a2 on a2.interaction_id = i.id
    where i.phone_number = p_phone and not i.is_test and i.started_at between p_from and p_to
  ) s
  where s.id = a.id and a.fcr_status is distinct from s.settled;
end $$;
comment on function private.settle_fcr(text, timestamp with time zone, timestamp with time zone) is
  'Recomputes fcr_status of one number''s archives whose interaction started in the span.';
