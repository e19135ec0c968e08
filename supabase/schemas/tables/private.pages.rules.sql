alter table private.pages enable row level security;

create policy pages_visible on private.pages for select to authenticated using (true);
grant select on private.pages to authenticated;
