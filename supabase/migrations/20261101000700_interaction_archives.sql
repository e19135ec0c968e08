-- Archives: what remains of an interaction, and whether it resolved its issues at first contact (FCR).

create function private.valid_issues(p_issues jsonb) returns boolean
language sql immutable set search_path = '' as $$
  select p_issues is null or (pg_catalog.jsonb_typeof(p_issues) = 'array' and not exists (
    select from pg_catalog.jsonb_array_elements(
      case when pg_catalog.jsonb_typeof(p_issues) = 'array' then p_issues else '[]' end) e
    where pg_catalog.jsonb_typeof(e) <> 'object' or coalesce(e ->> 'issue', '') = ''
      or coalesce(e ->> 'status', '') not in ('resolved', 'unresolved')
      or coalesce(e ->> 'priority', 'low') not in ('low', 'medium', 'high')))
$$;
comment on function private.valid_issues(jsonb) is '[{issue, status: resolved|unresolved, priority?: low|medium|high}]';

create function private.valid_tags(p_tags jsonb) returns boolean
language sql immutable set search_path = '' as $$
  select p_tags is null or (pg_catalog.jsonb_typeof(p_tags) = 'object'
    and pg_catalog.jsonb_typeof(coalesce(p_tags -> 'topics', '[]')) = 'array'
    and pg_catalog.jsonb_typeof(coalesce(p_tags -> 'issues', '[]')) = 'array'
    and coalesce(p_tags ->> 'sentiment', 'neutral') in ('good', 'neutral', 'critical')
    and not exists (
      select from pg_catalog.jsonb_array_elements(
        case when pg_catalog.jsonb_typeof(p_tags -> 'issues') = 'array' then p_tags -> 'issues' else '[]' end) e
      where pg_catalog.jsonb_typeof(e) <> 'object' or coalesce(e ->> 'tag', '') = ''
        or coalesce(e ->> 'status', '') not in ('resolved', 'unresolved')))
$$;
comment on function private.valid_tags(jsonb) is '{topics: [], sentiment, issues: [{tag, status: resolved|unresolved}]}';
grant execute on function private.valid_issues(jsonb), private.valid_tags(jsonb) to agent_runtime, service_role;

create table public.interaction_archives (
  id uuid primary key default pg_catalog.gen_random_uuid(),
  interaction_id uuid not null unique,
  supervisor_id uuid not null,
  summary text not null check (pg_catalog.length(summary) between 1 and 10000),
  issues jsonb constraint interaction_archives_issues check (private.valid_issues(issues)),
  tags jsonb constraint interaction_archives_tags check (private.valid_tags(tags)),
  csat_score numeric(5, 2) check (csat_score between 0 and 100),
  resolution_time_seconds integer check (resolution_time_seconds >= 0),
  fcr_status boolean,
  series jsonb,
  created_at timestamptz not null default pg_catalog.now(),
  constraint interaction_archives_interaction foreign key (interaction_id, supervisor_id)
    references public.interactions (id, supervisor_id) on update cascade on delete cascade
);
comment on table public.interaction_archives is 'Summary, issues, tags and scores of an ended interaction; one each.';
comment on column public.interaction_archives.fcr_status is 'Resolved at first contact: true, false, or null when the number or the issues are unknown.';
comment on column public.interaction_archives.series is 'The metrics down-sampled [[seconds, score, sentiment]], kept when the metrics go.';
create index interaction_archives_owner on public.interaction_archives (interaction_id, supervisor_id);
create index interaction_archives_supervisor on public.interaction_archives (supervisor_id, created_at desc);
create index interaction_archives_created on public.interaction_archives (created_at);
create index interaction_archives_tags on public.interaction_archives using gin (tags);
create index interaction_archives_issues_gin on public.interaction_archives using gin (issues);
create index interaction_archives_search on public.interaction_archives using gin (summary gin_trgm_ops);

revoke all on public.interaction_archives from anon, authenticated, service_role;
grant select on public.interaction_archives to authenticated, agent_runtime, service_role;
grant insert (interaction_id, summary, issues, tags, csat_score, resolution_time_seconds),
  update (summary, issues, tags, csat_score, resolution_time_seconds)
  on public.interaction_archives to agent_runtime, service_role;
alter table public.interaction_archives enable row level security;
create policy interaction_archives_visible on public.interaction_archives for select to authenticated
  using (supervisor_id = any (array(select private.visible_supervisors())));
create policy interaction_archives_of_agent on public.interaction_archives for select to agent_runtime
  using (interaction_id in (select i.id from public.interactions i where i.agent_id = (select private.current_agent())));
create policy interaction_archives_by_agent on public.interaction_archives for insert to agent_runtime
  with check (interaction_id in (select i.id from public.interactions i where i.agent_id = (select private.current_agent())));
create policy interaction_archives_changed_by_agent on public.interaction_archives for update to agent_runtime
  using (interaction_id in (select i.id from public.interactions i where i.agent_id = (select private.current_agent())))
  with check (interaction_id in (select i.id from public.interactions i where i.agent_id = (select private.current_agent())));

create function private.attach_archive() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  v_interaction public.interactions;
begin
  select * into v_interaction from public.interactions where id = new.interaction_id;
  if v_interaction.id is null then
    raise exception 'there is no such interaction' using errcode = 'FW404';
  elsif v_interaction.status = 'active' then
    raise exception 'the interaction is still active: end it, then archive it' using errcode = 'FW409';
  end if;
  new.supervisor_id := v_interaction.supervisor_id;
  return new;
end $$;
comment on function private.attach_archive() is 'Trigger: fills the supervisor; FW409 while the interaction is active.';
create trigger interaction_archives_10_attach before insert on public.interaction_archives
  for each row execute function private.attach_archive();

create function private.issue_tags(p_tags jsonb) returns text[]
language sql immutable set search_path = '' as $$
  select coalesce(pg_catalog.array_agg(distinct e ->> 'tag'), '{}')
  from pg_catalog.jsonb_array_elements(coalesce(p_tags -> 'issues', '[]')) e
$$;
comment on function private.issue_tags(jsonb) is 'The issue tags of an archive''s tags.';

-- FCR of every archive of one number that started in a span: false when the same number came back within
-- three days with the same issue tag, else whether all its issues are resolved. Any order of arrival.
create function private.settle_fcr(p_phone text, p_from timestamptz, p_to timestamptz) returns void
language plpgsql security definer set search_path = '' as $$
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
          where later.phone_number = p_phone and later.started_at > i.started_at
            and later.started_at <= i.started_at + interval '3 days'
            and private.issue_tags(b.tags) && private.issue_tags(a2.tags)) then false
        else (select pg_catalog.bool_and(e ->> 'status' = 'resolved')
              from pg_catalog.jsonb_array_elements(coalesce(a2.issues, '[]') || coalesce(a2.tags -> 'issues', '[]')) e)
      end as settled
    from public.interactions i join public.interaction_archives a2 on a2.interaction_id = i.id
    where i.phone_number = p_phone and i.started_at between p_from and p_to
  ) s
  where s.id = a.id and a.fcr_status is distinct from s.settled;
end $$;
comment on function private.settle_fcr(text, timestamptz, timestamptz) is 'Recomputes fcr_status of one number''s archives whose interaction started in the span.';

create function private.update_fcr_on_followup() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  v_interaction public.interactions;
begin
  select * into v_interaction from public.interactions
  where id = case when tg_op = 'DELETE' then old.interaction_id else new.interaction_id end;
  perform private.settle_fcr(v_interaction.phone_number, v_interaction.started_at - interval '3 days', v_interaction.started_at);
  return null;
end $$;
comment on function private.update_fcr_on_followup() is 'Trigger: an archive came, changed or went; it and the three days before it are settled again.';
create trigger interaction_archives_20_fcr after insert or update of tags, issues or delete on public.interaction_archives
  for each row execute function private.update_fcr_on_followup();

create function private.update_fcr_on_number() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if new.phone_number is null then
    update public.interaction_archives set fcr_status = null where interaction_id = new.id and fcr_status is not null;
  end if;
  perform private.settle_fcr(old.phone_number, old.started_at - interval '3 days', old.started_at);
  perform private.settle_fcr(new.phone_number, new.started_at - interval '3 days', new.started_at);
  return null;
end $$;
comment on function private.update_fcr_on_number() is 'Trigger: the number of an interaction became known, changed or was anonymised.';
create trigger interactions_30_fcr after update of phone_number, started_at on public.interactions
  for each row when (old.phone_number is distinct from new.phone_number or old.started_at is distinct from new.started_at)
  execute function private.update_fcr_on_number();

-- A deleted interaction is no follow-up any more: its archive goes after it and finds no number to settle.
create function private.update_fcr_on_delete() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  perform private.settle_fcr(old.phone_number, old.started_at - interval '3 days', old.started_at);
  return null;
end $$;
comment on function private.update_fcr_on_delete() is 'Trigger: an interaction with a known number was deleted.';
create trigger interactions_31_fcr_delete after delete on public.interactions
  for each row when (old.phone_number is not null) execute function private.update_fcr_on_delete();

create trigger interaction_archives_60_ring_insert after insert on public.interaction_archives
  referencing new table as inserted for each statement execute function private.ring();
create trigger interaction_archives_61_ring_update after update on public.interaction_archives
  referencing old table as before new table as after for each statement execute function private.ring();
create trigger interaction_archives_62_ring_delete after delete on public.interaction_archives
  referencing old table as before for each statement execute function private.ring();
