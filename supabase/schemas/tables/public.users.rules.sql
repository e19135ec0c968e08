alter table public.users enable row level security;

grant select on public.users to authenticated, service_role;

create policy users_self_or_admin on public.users for select to authenticated
  using ((select private.viewer_role()) = 'admin' or id = (select private.viewer_id()) and (select private.viewer_role()) is not null);

create trigger users_10_touch before update on public.users for each row
  execute function private.touch();
create trigger users_20_ring after update on public.users for each row when (old.role is distinct from new.role
    or old.deactivated_at is distinct from new.deactivated_at or old.banned_until is distinct from new.banned_until)
  execute function private.ring_user();
create trigger users_30_lapse_grants after update of deactivated_at, banned_until, role on public.users
    for each row when (new.deactivated_at is not null or new.role is distinct from old.role
    or new.banned_until > now())
  execute function private.lapse_grants_of();
create trigger users_50_close_web_sessions after update of deactivated_at, banned_until,
    role on public.users for each row when (old.role <> new.role or old.deactivated_at is null
    and new.deactivated_at is not null or new.banned_until > now()
    and old.banned_until is distinct from new.banned_until)
  execute function private.close_web_sessions();
create trigger users_70_audit after insert or update on public.users for each row
  execute function private.audit('email', 'role', 'name', 'username', 'supervisor_type', 'deactivated_at',
    'banned_until');

-- People are made at the Auth server; their rows follow.
create trigger floorwalker_10_profile_insert after insert on auth.users for each row
  execute function private.sync_profile();
create trigger floorwalker_20_profile_update after update of raw_app_meta_data, raw_user_meta_data, email,
    banned_until, deleted_at on auth.users for each row
  execute function private.sync_profile();

create view public.supervisor_performance with (security_invoker=true) as
 select u.id as supervisor_id,
    u.name as supervisor_name,
    u.supervisor_type,
    coalesce(a.total_agents, 0::bigint) as total_agents,
    coalesce(a.completed, 0::numeric)::bigint as total_interactions,
    coalesce(i.active_interactions, 0::bigint) as active_interactions,
    a.csat / nullif(a.rated, 0::numeric) as avg_csat,
    a.resolution_seconds / nullif(a.resolutions, 0::numeric) as avg_resolution_time,
    a.fcr_true::double precision * 100::double precision / nullif(a.fcr_known, 0::numeric)::double precision as fcr_percentage
   from public.users u
     left join ( select g.supervisor_id,
            count(*) filter (where g.retired_at is null) as total_agents,
            sum(s.completed) as completed,
            sum(s.csat) as csat,
            sum(s.rated) as rated,
            sum(s.resolution_seconds) as resolution_seconds,
            sum(s.resolutions) as resolutions,
            sum(s.fcr_true) as fcr_true,
            sum(s.fcr_known) as fcr_known
           from public.agents g
             left join private.agent_sums s on s.agent_id = g.id
          group by g.supervisor_id) a on a.supervisor_id = u.id
     left join ( select interactions.supervisor_id,
            count(*) as active_interactions
           from public.interactions
          where interactions.status = 'active' and not interactions.is_test
          group by interactions.supervisor_id) i on i.supervisor_id = u.id
  where u.role = 'supervisor';
comment on view public.supervisor_performance is
  'One row per supervisor. Everything but active_interactions is over completed interactions. FCR is a share of those whose FCR is known.';
grant select on public.supervisor_performance to authenticated, service_role;
