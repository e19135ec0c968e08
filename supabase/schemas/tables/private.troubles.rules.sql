alter table private.troubles enable row level security;
