alter table private.pages enable row level security;
