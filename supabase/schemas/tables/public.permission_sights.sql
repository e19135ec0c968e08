create table public.permission_sights (
  tool_permission_id uuid not null,
  viewer_id uuid not null,
  first_seen_at timestamptz not null,
  opened_arguments boolean not null default false,
  constraint permission_sights_pkey primary key (tool_permission_id, viewer_id),
  constraint permission_sights_tool_permission_id_fkey foreign key (tool_permission_id)
    references public.tool_permissions(id) on delete cascade,
  constraint permission_sights_viewer_id_fkey foreign key (viewer_id) references public.users(id) on delete cascade
);

comment on table public.permission_sights is
  'When a person first had a waiting request open before their eyes, as their page reported it.';
comment on column public.permission_sights.opened_arguments is
  'Whether they unfolded a value, scrolled to the last one, or opened the page with all arguments.';
comment on constraint permission_sights_pkey on public.permission_sights is
  'a person sees a request for the first time once';
comment on constraint permission_sights_tool_permission_id_fkey on public.permission_sights is
  'what is seen is a request that exists';
comment on constraint permission_sights_viewer_id_fkey on public.permission_sights is
  'who sees it is a person who exists';

-- The foreign key: what a person saw, when the person is deleted.
create index permission_sights_viewer on public.permission_sights (viewer_id);
