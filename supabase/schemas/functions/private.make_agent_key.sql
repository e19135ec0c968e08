create function private.make_agent_key() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent public.agents;
begin
  select * into v_agent from public.agents where id = new.agent_id for key share;
  if v_agent.is_template then
    raise exception 'a template has no keys: make a clone of it' using errcode = 'FW422';
  elsif v_agent.retired_at is not null and new.revoked_at is null then
    raise exception 'the agent is retired' using errcode = 'FW409';
  end if;
  new.created_by := (select u.id from public.users u where u.id = private.viewer_id());
  return new;
end $$;
comment on function private.make_agent_key() is
  'Trigger: the person who makes a key. FW409 for a retired agent, FW422 for a template.';
