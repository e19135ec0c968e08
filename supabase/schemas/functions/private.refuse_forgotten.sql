create function private.refuse_forgotten(p_interaction public.interactions) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  -- What is written afterwards would never be forgotten.
  if (p_interaction).anonymised_at is not null then
    raise exception 'the words of this interaction were deleted, and nothing more is written about it' using errcode = 'FW409';
  end if;
end $$;
comment on function private.refuse_forgotten(public.interactions) is
  'FW409 for an interaction that was forgotten.';
