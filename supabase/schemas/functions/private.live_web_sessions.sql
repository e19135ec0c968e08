create function private.live_web_sessions(p_ids uuid[]) returns setof uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_live uuid[] := array(
    select s.id from private.web_sessions s join public.users u on u.id = s.user_id
    where s.id = any (p_ids) and u.deactivated_at is null
      and (u.banned_until is null or u.banned_until <= pg_catalog.now()));
begin
  update private.web_sessions set last_seen_at = pg_catalog.now() where id in (
    select id from private.web_sessions
    where id = any (v_live) and last_seen_at < pg_catalog.now() - interval '1 minute'
    for update skip locked);
  return query select pg_catalog.unnest(v_live);
end $$;
comment on function private.live_web_sessions(uuid[]) is
  'Which of these sessions still stand; they have been seen.';
grant execute on function private.live_web_sessions(uuid[]) to floorwalker_web;
