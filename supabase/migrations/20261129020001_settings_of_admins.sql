-- Why: a threshold, the time of a permission or retention is changed by an admin on a page, with who changed what, and not by an
-- environment and a restart. What the environment fixes stays fixed, and says so.

-- squawk-ignore ban-drop-not-null -- only the reasons have no number, and the last release does not ask for them
alter table private.settings alter column value drop not null;
alter table private.settings add column words text;
alter table private.settings add column initial text;
alter table private.settings add column fixed_to text;
alter table private.settings add column chosen text;
alter table private.settings add column lowest integer;
alter table private.settings add column highest integer;
-- squawk-ignore constraint-missing-not-valid -- the table has a dozen rows
alter table private.settings add constraint settings_value_or_words check ((value is null) <> (words is null));
-- squawk-ignore constraint-missing-not-valid -- the table has a dozen rows
alter table private.settings add constraint settings_range check (value is not null or (lowest is null and highest is null));

comment on table private.settings is
  'Times, limits and texts of the product. What holds is in value or words, and everything reads it there; where it comes from is in the other columns.';
comment on column private.settings.value is
  'The number that holds, in the unit of the name; null for a text.';
comment on column private.settings.words is
  'The text that holds, one item a line; null for a number.';
comment on column private.settings.initial is
  'What holds while neither the environment nor an admin says anything, as text.';
comment on column private.settings.fixed_to is
  'What the environment of the web process that started last fixes, as text; null where it says nothing.';
comment on column private.settings.chosen is
  'What an admin chose, as text. It holds unless the environment fixes the setting, and again when it no longer does.';
comment on column private.settings.lowest is
  'The least number that an admin may choose; null where admins do not choose.';
comment on column private.settings.highest is
  'The greatest number that an admin may choose.';
comment on constraint settings_pkey on private.settings is
  'a setting has one value';
comment on constraint settings_value_check on private.settings is
  'a setting is more than 0';
comment on constraint settings_value_or_words on private.settings is
  'a setting is a number or a text';
comment on constraint settings_range on private.settings is
  'only a number has a range';

create table public.setting_changes (
  id bigint not null generated always as identity,
  name text not null,
  before text not null,
  after text not null,
  at timestamptz not null default clock_timestamp(),
  changed_by uuid,
  changed_by_name text,
  constraint setting_changes_pkey primary key (id),
  constraint setting_changes_name_fkey foreign key (name) references private.settings(name),
  constraint setting_changes_changed_by_fkey foreign key (changed_by) references public.users(id)
);

comment on table public.setting_changes is
  'Append-only: what held before and after each change of a setting, when, and who changed it.';
comment on column public.setting_changes.changed_by is
  'The admin; null for the environment of a web process at its start.';
comment on constraint setting_changes_pkey on public.setting_changes is
  'this id is taken';
comment on constraint setting_changes_name_fkey on public.setting_changes is
  'a change is of a setting that exists';
comment on constraint setting_changes_changed_by_fkey on public.setting_changes is
  'a setting is changed by a person who exists';

-- The history of one setting, newest first, and the foreign key to it.
create index setting_changes_of on public.setting_changes (name, id desc);
-- The foreign key to the admin.
create index setting_changes_by on public.setting_changes (changed_by) where changed_by is not null;

insert into private.settings (name, words) values
  ('reasons', e'Wrong amount or details\nConfirm with the customer first\nNot allowed by policy') on conflict do nothing;
update private.settings s set lowest = r.lowest, highest = r.highest from (values
  ('permission_seconds', 30, 360), ('stale_seconds', 5, 3600), ('reap_seconds', 60, 86400), ('critical_below', 1, 100),
  ('pending_per_agent', 1, 1000), ('metrics_hours', 1, 87600), ('archive_days', 1, 3650)) r (name, lowest, highest)
where s.name = r.name;

drop trigger settings_70_audit on private.settings;

create or replace function private.configure(p_values jsonb) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_one record;
begin
  if coalesce(pg_catalog.jsonb_typeof(p_values), 'null') <> 'object' then
    raise exception 'settings are {name: number}' using errcode = 'FW422';
  end if;
  for v_one in select e.key, e.value from pg_catalog.jsonb_each_text(p_values) e order by e.key loop
    perform private.setting(v_one.key);
    if coalesce(v_one.value !~ '^[1-9][0-9]{0,8}$', true) then
      raise exception '% is a whole number from 1 to 999999999, not %', v_one.key, v_one.value using errcode = 'FW422';
    end if;
    update private.settings set value = v_one.value::integer where name = v_one.key and value <> v_one.value::integer;
  end loop;
end $$;
comment on function private.configure(jsonb) is
  'Of the last release: writes the settings of the web process, {name: number}. FW422 for an unknown name or no number.';
grant execute on function private.configure(jsonb) to floorwalker_web;

create or replace function private.configure_v2(p_initial jsonb, p_fixed jsonb) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_given record;
  v_setting private.settings;
begin
  if coalesce(pg_catalog.jsonb_typeof(p_initial), 'null') <> 'object' or coalesce(pg_catalog.jsonb_typeof(p_fixed), 'null') <> 'object' then
    raise exception 'settings are {name: number or text}' using errcode = 'FW422';
  end if;
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('floorwalker settings', 0));
  for v_given in select e.key, e.value from pg_catalog.jsonb_each_text(p_initial) e union all
      select e.key, e.value from pg_catalog.jsonb_each_text(p_fixed) e order by 1 loop
    select * into v_setting from private.settings where name = v_given.key;
    if v_setting.name is null then
      raise exception 'unknown setting %', pg_catalog.left(v_given.key, 100) using errcode = 'FW422';
    end if;
    perform private.setting_fits(v_setting, v_given.value);
  end loop;
  update private.settings s set initial = coalesce(p_initial ->> s.name, s.initial), fixed_to = p_fixed ->> s.name
  where s.initial is distinct from coalesce(p_initial ->> s.name, s.initial) or s.fixed_to is distinct from p_fixed ->> s.name;
  perform private.settle_settings(null);
end $$;
comment on function private.configure_v2(jsonb, jsonb) is
  'What a web process knows at its start, {name: number or text}: the defaults, and what its environment fixes. The last one that started counts. FW422 for an unknown name or value.';
grant execute on function private.configure_v2(jsonb, jsonb) to floorwalker_web;

create or replace function private.held_settings() returns jsonb
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.jsonb_object_agg(s.name, coalesce(pg_catalog.to_jsonb(s.value), pg_catalog.to_jsonb(s.words)))
  from private.settings s where s.name in ('stale_seconds', 'reasons');
$$;
comment on function private.held_settings() is
  'The settings of which a web process keeps a copy: {stale_seconds, reasons}.';
grant execute on function private.held_settings() to floorwalker_web;

create or replace function private.ring_settings() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_catalog.pg_notify('floor', 'settings:');
  return null;
end $$;
comment on function private.ring_settings() is
  'Trigger: a setting may have changed; each web process reads its copies again.';

create or replace function private.setting_fits(p_setting private.settings, p_text text) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_setting.value is not null then
    if coalesce(p_text !~ '^[1-9][0-9]{0,8}$', true) then
      raise exception '% is a whole number from 1 to 999999999, not %', p_setting.name, pg_catalog.left(p_text, 100) using errcode = 'FW422';
    end if;
  elsif coalesce(pg_catalog.length(p_text) > 1300 or p_text ~ '[\x01-\x09\x0b-\x1f\x7f]', true) or exists (
      select from pg_catalog.unnest(pg_catalog.string_to_array(p_text, e'\n')) l where pg_catalog.length(l) not between 1 and 100)
    or pg_catalog.cardinality(pg_catalog.string_to_array(p_text, e'\n')) > 12 then
    raise exception '% are at most 12 lines of 1 to 100 characters', p_setting.name using errcode = 'FW422';
  end if;
end $$;
comment on function private.setting_fits(private.settings, text) is
  'FW422 unless the text can be a value of this setting: a number above 0, or at most twelve lines.';

-- Two pairs of settings have an order, in which an admin's choice and a later environment may disagree: metrics are not kept longer
-- than their archive, and an interaction is silent before it ends. The environment wins, and the other one of the pair moves as
-- little as it must; with both or neither fixed they are in order already.
create or replace function private.settle_settings(p_by uuid) returns void
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

create or replace function public.change_setting(p_name text, p_value text, p_seen text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_admin uuid := private.require_admin();
  v_setting private.settings;
  v_other integer;
begin
  -- Two admins that change one at once come one after the other.
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('floorwalker settings', 0));
  select * into v_setting from private.settings where name = p_name and (highest is not null or words is not null);
  if v_setting.name is null then
    raise exception 'there is no such setting' using errcode = 'FW404';
  elsif v_setting.fixed_to is not null then
    raise exception 'the environment of the server fixes %, so it is changed there', pg_catalog.upper(p_name) using errcode = 'FW409';
  elsif v_setting.chosen is not distinct from p_value then
    return;  -- twice the same click
  elsif coalesce(v_setting.value::text, v_setting.words) is distinct from p_seen then
    raise exception 'it was changed meanwhile: look at it again' using errcode = 'FW409';
  end if;
  if p_value is not null then
    perform private.setting_fits(v_setting, p_value);
    if v_setting.value is not null and p_value::integer not between v_setting.lowest and v_setting.highest then
      raise exception 'it is a whole number from % to %', v_setting.lowest, v_setting.highest using errcode = 'FW422';
    end if;
  end if;
  v_other := private.setting(case p_name when 'metrics_hours' then 'archive_days' when 'archive_days' then 'metrics_hours'
    when 'stale_seconds' then 'reap_seconds' when 'reap_seconds' then 'stale_seconds' else 'archive_days' end);
  case p_name
    when 'metrics_hours' then
      if coalesce(p_value, v_setting.initial)::integer > 24 * v_other then
        raise exception 'metrics are not kept longer than archives, which is % hours now', 24 * v_other using errcode = 'FW422';
      end if;
    when 'archive_days' then
      if 24 * coalesce(p_value, v_setting.initial)::integer < v_other then
        raise exception 'archives are kept as long as metrics at least, which is % hours now', v_other using errcode = 'FW422';
      end if;
    when 'stale_seconds' then
      if coalesce(p_value, v_setting.initial)::integer >= v_other then
        raise exception 'an agent is silent before its interaction fails, which is after % seconds now', v_other using errcode = 'FW422';
      end if;
    when 'reap_seconds' then
      if coalesce(p_value, v_setting.initial)::integer <= v_other then
        raise exception 'an interaction fails later than its agent is silent, which is after % seconds now', v_other using errcode = 'FW422';
      end if;
    else null;
  end case;
  update private.settings set chosen = p_value where name = p_name;
  perform private.settle_settings(v_admin);
end $$;
comment on function public.change_setting(text, text, text) is
  'An admin chooses the value of a setting, or with null the initial one again, if p_seen is the one that holds. FW403, FW404, FW409 also for one that the environment fixes, FW422.';
grant execute on function public.change_setting(text, text, text) to authenticated;

create or replace function public.present_settings() returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.require_admin();
  return (select pg_catalog.jsonb_object_agg(s.name, pg_catalog.jsonb_build_object(
      'now', coalesce(s.value::text, s.words), 'initial', s.initial, 'chosen', s.chosen, 'fixed', s.fixed_to is not null,
      'lowest', s.lowest, 'highest', s.highest,
      'last', (select pg_catalog.jsonb_build_object('at', c.at, 'by', c.changed_by_name, 'before', c.before)
        from public.setting_changes c where c.name = s.name order by c.id desc limit 1)))
    from private.settings s where s.highest is not null or s.words is not null);
end $$;
comment on function public.present_settings() is
  'The settings that admins choose: what holds, what is initial, whether the environment fixes it, its range, and the last change. FW403.';
grant execute on function public.present_settings() to authenticated;

create trigger settings_60_ring after update on private.settings for each statement
  execute function private.ring_settings();

create trigger settings_70_audit after update on private.settings for each row
  execute function private.audit('value', 'words');

alter table public.setting_changes enable row level security;
grant select on public.setting_changes to authenticated;

create policy setting_changes_visible on public.setting_changes for select to authenticated
  using ((select private.viewer_role()) = 'admin');

create trigger setting_changes_10_refuse before delete or update or truncate on public.setting_changes for each statement
  execute function private.refuse_change();
