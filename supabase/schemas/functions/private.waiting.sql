create function private.waiting(p_arguments jsonb) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_chosen uuid[] := private.chosen_supervisors(p_arguments);
  v_turn record;
begin
  select w.ids, w.more into v_turn from private.waiting_in_turn(v_chosen, 50) w;
  return pg_catalog.jsonb_build_object(
    'tool_permissions', private.permission_cards(coalesce(v_turn.ids, '{}')), 'more', v_turn.more,
    'answered', private.answered_permissions(v_chosen));
end $$;
comment on function private.waiting(jsonb) is
  'Pending requests on the whole floor and those answered lately, through the reader''s row-level security. FW422.';
grant execute on function private.waiting(jsonb) to authenticated;
