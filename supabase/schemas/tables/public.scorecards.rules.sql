alter table public.scorecards enable row level security;

grant select on public.scorecards to authenticated;

create policy scorecards_visible on public.scorecards for select to authenticated
  using ((select private.viewer_role()) is not null);
