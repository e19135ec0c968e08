-- Autovacuum takes the two tables that are written all the time in small bites: as much after each hundred thousand metrics,
-- however large the table is, and at a quarter of the usual pace. Rows that stay are not waited for.

alter table public.realtime_metrics set (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000,
  autovacuum_vacuum_cost_limit = 50);
alter table public.interaction_pulse set (autovacuum_vacuum_cost_limit = 50);
