alter table private.performance_ranges enable row level security;
