alter table private.push_messages enable row level security;
