create function private.settle_drill(p_id uuid, p_status text, p_arguments_digest text) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_drill private.drills;
  v_outcome text;
begin
  select * into v_drill from private.drills where id = p_id and supervisor_id = private.viewer_id()
    and private.viewer_role() = 'supervisor' for update;
  if v_drill.id is null then
    raise exception 'there is no such tool permission' using errcode = 'FW404';
  elsif p_status not in ('allowed', 'denied') then
    raise exception 'a decision is allowed or denied' using errcode = 'FW422';
  elsif v_drill.outcome is not null then
    return false;
  end if;
  if not private.drill_stands(v_drill) then
    v_outcome := 'withdrawn';
  elsif v_drill.expires_at <= pg_catalog.clock_timestamp() then
    v_outcome := 'missed';
  elsif p_arguments_digest is distinct from v_drill.arguments_digest then
    return false;
  else
    v_outcome := case p_status when 'denied' then 'caught' when 'allowed' then 'allowed' end;
  end if;
  if v_outcome is null then
    return false;
  end if;
  update private.drills set outcome = v_outcome, ended_at = pg_catalog.clock_timestamp(), arguments = null, arguments_digest = null,
    last_arguments = null where id = p_id;
  return v_outcome in ('caught', 'allowed');
end $$;
comment on function private.settle_drill(uuid, text, text) is
  'The supervisor''s answer to a drill, allowed or denied, with the digest of what they saw; null answers nothing. Whether it was stored. FW404 when it is nobody''s or another''s, FW422.';
grant execute on function private.settle_drill(uuid, text, text) to authenticated;
