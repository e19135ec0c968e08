alter table private.given_signals enable row level security;
