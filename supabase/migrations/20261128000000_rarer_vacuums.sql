-- After each VACUUM and each ANALYZE every connection plans its queries of the table again: on a full floor it is felt by
-- all pages for some seconds. The two tables that are always written were visited every minute, now every three to four.
alter table public.interaction_pulse set (autovacuum_vacuum_scale_factor = 0.5, autovacuum_analyze_threshold = 500000);
alter table public.interaction_pulse alter column scores set statistics 0;
alter table public.interaction_pulse alter column feed set statistics 0;
alter table public.interaction_pulse alter column grants set statistics 0;

alter table public.realtime_metrics set (autovacuum_vacuum_insert_threshold = 300000, autovacuum_analyze_threshold = 500000);
alter table public.realtime_metrics alter column feed_text set statistics 0;
