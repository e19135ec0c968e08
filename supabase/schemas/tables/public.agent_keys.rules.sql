alter table public.agent_keys enable row level security;

grant select, insert, update on public.agent_keys to service_role;
grant select (id, agent_id, hint, created_at, revoked_at) on public.agent_keys to authenticated;

create policy agent_keys_visible on public.agent_keys for select to authenticated
  using ((agent_id in ( select a.id
   from public.agents a)));

create trigger agent_keys_60_ring after update of revoked_at on public.agent_keys for each row
  execute function private.ring_agent_key();
create trigger agent_keys_61_ring_delete after delete on public.agent_keys for each row
  execute function private.ring_agent_keys();
create trigger agent_keys_70_audit after insert or delete or update on public.agent_keys for each row
  execute function private.audit('hint', 'revoked_at');
