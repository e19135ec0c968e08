alter table private.profile_faults enable row level security;
