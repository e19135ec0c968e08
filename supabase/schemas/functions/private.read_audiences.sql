create function private.read_audiences(p_wanted jsonb) returns table(shown json, failure text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_one jsonb;
begin
  if coalesce(pg_catalog.jsonb_typeof(p_wanted), 'null') <> 'array' then
    raise exception 'audiences are a list of {claims, page, arguments}' using errcode = 'FW422';
  end if;
  perform pg_catalog.set_config('role', 'authenticated', true);
  for v_one in select value from pg_catalog.jsonb_array_elements(p_wanted) loop
    shown := null;
    failure := null;
    begin
      perform pg_catalog.set_config('request.jwt.claims', v_one ->> 'claims', true);
      case v_one ->> 'page'
        when 'floor' then shown := private.floor(v_one -> 'arguments');
        when 'wallboard' then shown := private.wallboard(v_one -> 'arguments');
        when 'waiting' then shown := private.waiting(v_one -> 'arguments');
        when 'interaction' then shown := private.interaction(v_one -> 'arguments');
        else failure := 'unknown page';
      end case;
    exception when others then
      failure := sqlerrm;
    end;
    return next;
  end loop;
end $$;
comment on function private.read_audiences(jsonb) is
  'For the server of the release before, to be dropped with the next one. What each audience''s page shows, read under its own claims and row-level security. FW422 for what is no list.';
grant execute on function private.read_audiences(jsonb) to floorwalker_web;
