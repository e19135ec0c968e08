create function private.queue_callback() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into public.webhook_deliveries (agent_id, interaction_id, event, url, host)
  select new.agent_id, new.id, 'interaction.ended', u.url, pg_catalog.lower(pg_catalog.substring(u.url, '^https?://([^/?#]+)'))
  from (select config_value #>> '{}' as url from public.agent_config
    where agent_id = new.agent_id and config_key = 'callback_url') u;
  return null;
end $$;
comment on function private.queue_callback() is
  'Trigger: an interaction that ends, or is completed late, is told to the agent''s callback_url.';
