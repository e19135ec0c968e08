-- An agent that is imported as retired takes no slot: it must not count among the three in use of its supervisor.

create or replace function private.take_slot() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if new.supervisor_id is null then
    new.slot := null;
    return new;
  elsif tg_op = 'INSERT' and new.retired_at is not null then
    new.slot := coalesce(new.slot, 1);  -- the number means nothing while it is retired
    return new;
  elsif tg_op = 'UPDATE' and new.supervisor_id = old.supervisor_id
     and (new.retired_at is not null or old.retired_at is null) then
    return new;
  end if;
  -- Waits for a transaction that adds an agent to the same supervisor.
  perform from public.users where id = new.supervisor_id for no key update;
  select s into new.slot from pg_catalog.generate_series(1, 3) s
  where not exists (select from public.agents a
    where a.supervisor_id = new.supervisor_id and a.slot = s and a.retired_at is null and a.id <> new.id)
  order by s limit 1;
  if new.slot is null then
    raise exception 'a supervisor has at most three agents' using errcode = 'FW409';
  end if;
  return new;
end $$;
comment on function private.take_slot() is
  'Trigger: gives an agent the lowest free slot of its supervisor; FW409 when all three are taken. One that is made as retired takes none.';
