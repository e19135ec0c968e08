alter table public.push_subscriptions enable row level security;

grant select (id, user_id, session_id, host, created_at) on public.push_subscriptions to authenticated;

create policy push_subscriptions_own on public.push_subscriptions for select to authenticated
  using (user_id = (select private.viewer_id()) and (select private.viewer_role()) is not null);
