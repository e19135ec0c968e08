create function private.rulings(p_interaction uuid) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(
      extract(epoch from t.responded_at - i.started_at), t.status, 'q' || t.id) order by t.requested_at, t.id), '[]')
  from public.interactions i join public.tool_permissions t on t.interaction_id = i.id
  where i.id = p_interaction and t.rule is distinct from 'not_required'
$$;
comment on function private.rulings(uuid) is
  'All tool permissions of an interaction but those that run freely, in order: [[seconds from the start to the answer or null, status, id in the timeline], …].';
grant execute on function private.rulings(uuid) to authenticated;
