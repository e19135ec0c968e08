create function private.update_fcr_on_followup() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_interaction public.interactions;
begin
  select * into v_interaction from public.interactions
  where id = case when tg_op = 'DELETE' then old.interaction_id else new.interaction_id end;
  perform private.settle_fcr(v_interaction.phone_number, v_interaction.started_at - interval '3 days', v_interaction.started_at);
  return null;
end $$;
comment on function private.update_fcr_on_followup() is
  'Trigger: an archive came, changed or went; it and the three days before it are settled again.';
