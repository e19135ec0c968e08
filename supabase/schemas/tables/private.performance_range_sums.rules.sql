alter table private.performance_range_sums enable row level security;
