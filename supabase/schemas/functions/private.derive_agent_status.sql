create function private.derive_agent_status() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  new.status := coalesce(
    (select case i.interaction_type when 'voice' then 'in_call' else 'in_chat' end
     from public.interactions i where i.agent_id = new.id and i.status = 'active'),
    case when new.paused_at is not null then 'paused' else 'idle' end);
  return new;
end $$;
comment on function private.derive_agent_status() is
  'Trigger: agents.status follows its interactions and paused_at, whatever was written.';
