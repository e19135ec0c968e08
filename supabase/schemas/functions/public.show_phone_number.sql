create function public.show_phone_number(p_interaction_id uuid) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_interaction public.interactions;
begin
  select * into v_interaction from public.interactions
  where id = p_interaction_id and supervisor_id = any (private.visible_supervisor_ids());
  if not found then
    raise exception 'there is no such interaction' using errcode = 'FW404';
  elsif v_interaction.anonymised_at is not null then
    raise exception 'the number was deleted with the words of the interaction' using errcode = 'FW409';
  elsif coalesce(v_interaction.phone_number, v_interaction.caller) is null then
    raise exception 'the number is not known' using errcode = 'FW409';
  end if;
  insert into public.audit_logs (actor_id, actor, action, row_id, supervisor_id, changes)
  select u.id, coalesce(u.username, u.name), 'interactions.number_shown', v_interaction.id::text, v_interaction.supervisor_id, '{}'
  from public.users u where u.id = private.viewer_id();
  return coalesce(v_interaction.phone_number, v_interaction.caller);
end $$;
comment on function public.show_phone_number(uuid) is
  'The whole number of the customer, or the text in its place; each time an entry of audit_logs says who saw it. FW404, FW409.';
grant execute on function public.show_phone_number(uuid) to authenticated;
