alter table public.signal_choices enable row level security;

grant select on public.signal_choices to authenticated;

create policy signal_choices_own on public.signal_choices for select to authenticated
  using (user_id = (select private.viewer_id()) and (select private.viewer_role()) is not null);
