create function private.end_interaction() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if old.status = 'failed' and new.status = 'completed' and old.reaped_at is not null then
    new.reaped_at := null;  -- closed late by its provider, once; it ended when it was reaped
    new.ended_at := old.ended_at;
  elsif old.status <> 'active' and new.status is distinct from old.status then
    raise exception 'the interaction already ended as %', old.status using errcode = 'FW409';
  end if;
  if old.status = 'active' and new.status <> 'active' then
    -- The agent is locked first, as when an interaction starts, so that the two cannot deadlock.
    perform from public.agents where id = old.agent_id for no key update;
    new.ended_at := greatest(coalesce(new.ended_at, pg_catalog.clock_timestamp()), new.started_at);
  end if;
  return new;
end $$;
comment on function private.end_interaction() is
  'Trigger: an interaction ends once, but one that was reaped may still be completed; sets ended_at. FW409 for a second, different end.';
