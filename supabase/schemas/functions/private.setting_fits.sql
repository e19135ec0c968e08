create function private.setting_fits(p_setting private.settings, p_text text) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_setting.value is not null then
    if coalesce(p_text !~ '^[1-9][0-9]{0,8}$', true) then
      raise exception '% is a whole number from 1 to 999999999, not %', p_setting.name, pg_catalog.left(p_text, 100) using errcode = 'FW422';
    end if;
  elsif coalesce(pg_catalog.length(p_text) > 1300 or p_text ~ '[\x01-\x09\x0b-\x1f\x7f]', true) or exists (
      select from pg_catalog.unnest(pg_catalog.string_to_array(p_text, e'\n')) l where pg_catalog.length(l) not between 1 and 100)
    or pg_catalog.cardinality(pg_catalog.string_to_array(p_text, e'\n')) > 12 then
    raise exception '% are at most 12 lines of 1 to 100 characters', p_setting.name using errcode = 'FW422';
  end if;
end $$;
comment on function private.setting_fits(private.settings, text) is
  'FW422 unless the text can be a value of this setting: a number above 0, or at most twelve lines.';
