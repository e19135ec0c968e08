create table public.saved_views (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null default private.viewer_id(),
  page text not null,
  name text not null,
  filters jsonb not null,
  created_at timestamptz not null default now(),
  shared boolean not null default false,
  constraint saved_views_pkey primary key (id),
  constraint saved_views_once unique (user_id, page, name),
  constraint saved_views_filters_check check (jsonb_typeof(filters) = 'object' and octet_length(filters::text) <= 4000),
  constraint saved_views_name_check check (length(name) >= 1 and length(name) <= 100),
  constraint saved_views_page_check check (page ~ '^[a-z-]{1,50}$'),
  constraint saved_views_user_id_fkey foreign key (user_id) references public.users(id) on delete cascade
);

comment on table public.saved_views is
  'Filters of a list under a name: a person''s own, or of an admin for everybody.';
comment on column public.saved_views.shared is 'Whether everybody has it; only an admin shares.';
comment on constraint saved_views_pkey on public.saved_views is
  'this id is taken';
comment on constraint saved_views_once on public.saved_views is
  'there is a view of this name on this page already';
comment on constraint saved_views_filters_check on public.saved_views is
  'filters is an object of at most 4000 bytes';
comment on constraint saved_views_name_check on public.saved_views is
  'name has 1 to 100 characters';
comment on constraint saved_views_page_check on public.saved_views is
  'page is 1 to 50 small letters and hyphens';
comment on constraint saved_views_user_id_fkey on public.saved_views is
  'a view belongs to a person who exists';
