-- Tool grants: a person allowed a tool for the rest of an interaction; the agent still claims each execution.

create table public.tool_grants (
  id uuid primary key default pg_catalog.gen_random_uuid(),
  interaction_id uuid not null,
  supervisor_id uuid not null,
  tool_name text not null check (pg_catalog.length(tool_name) between 1 and 255),
  granted_by uuid not null references public.users (id) on delete restrict,
  granted_by_name text not null,
  created_at timestamptz not null default pg_catalog.now(),
  constraint tool_grants_once unique (interaction_id, tool_name),
  constraint tool_grants_interaction foreign key (interaction_id, supervisor_id)
    references public.interactions (id, supervisor_id) on update cascade on delete cascade
);
comment on table public.tool_grants is 'A standing allow for one tool of one interaction; it ends with the interaction, since nothing can be asked after.';
create index tool_grants_owner on public.tool_grants (interaction_id, supervisor_id);
create index tool_grants_granted_by on public.tool_grants (granted_by);

revoke all on public.tool_grants from anon, authenticated, service_role;
grant select on public.tool_grants to authenticated, service_role;
alter table public.tool_grants enable row level security;
create policy tool_grants_visible on public.tool_grants for select to authenticated
  using (supervisor_id = any (array(select private.visible_supervisors())));

create function public.grant_tool(p_permission_id uuid) returns void
language plpgsql security definer set search_path = '' as $$
begin
  insert into public.tool_grants (interaction_id, supervisor_id, tool_name, granted_by, granted_by_name)
  select t.interaction_id, t.supervisor_id, t.tool_name, t.responded_by, t.responded_by_name
  from public.tool_permissions t
  where t.id = p_permission_id and t.status = 'allowed' and t.responded_by = auth.uid()
    and t.supervisor_id = any (array(select private.visible_supervisors()))
  on conflict on constraint tool_grants_once do nothing;
  if not found and not exists (
    select from public.tool_permissions t join public.tool_grants g using (interaction_id, tool_name)
    where t.id = p_permission_id and t.supervisor_id = any (array(select private.visible_supervisors()))) then
    raise exception 'only who allowed a tool can allow it for the rest of the interaction' using errcode = 'FW409';
  end if;
end $$;
comment on function public.grant_tool(uuid) is
  'Allows the tool of a permission that the viewer has just allowed for the rest of its interaction. FW409 when they have not.';
grant execute on function public.grant_tool(uuid) to authenticated;
