alter table private.interactions_to_find enable row level security;
