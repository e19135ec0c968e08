alter table public.agent_keys enable row level security;

grant select, insert, update on public.agent_keys to service_role;
grant select (id, agent_id, hint, created_at, revoked_at, name, created_by, last_used_at) on public.agent_keys to authenticated;
grant insert (id, agent_id, key_hash, hint, name) on public.agent_keys to authenticated;
grant update (revoked_at) on public.agent_keys to authenticated;

create policy agent_keys_visible on public.agent_keys for select to authenticated
  using ((agent_id in ( select a.id
   from public.agents a)));

create policy agent_keys_made_by_admin on public.agent_keys for insert to authenticated
  with check ((select private.viewer_role()) = 'admin');

create policy agent_keys_revoked_by_admin on public.agent_keys for update to authenticated
  using ((select private.viewer_role()) = 'admin')
  with check ((select private.viewer_role()) = 'admin');

create trigger agent_keys_10_make before insert on public.agent_keys for each row
  execute function private.make_agent_key();
create trigger agent_keys_11_revoke before update of revoked_at on public.agent_keys for each row
    when (old.revoked_at is not null and new.revoked_at is distinct from old.revoked_at)
  execute function private.keep_revoked();
create trigger agent_keys_60_ring after update of revoked_at on public.agent_keys for each row
  execute function private.ring_agent_key();
create trigger agent_keys_61_ring_delete after delete on public.agent_keys for each row
  execute function private.ring_agent_keys();
create trigger agent_keys_70_audit after insert or delete or update of revoked_at, name on public.agent_keys for each row
  execute function private.audit('name', 'hint', 'revoked_at');
