-- The rule of the hint "so many times this supervisor's usual amount": the median of what the supervisor (not an admin, not a rule) allowed
-- for the same tool, argument and currency on this floor in the last 90 days, of the newest two hundred, tests left out; with fewer than ten
-- there is no usual amount. The argument is the first of amount, total and price that is there, as in the card (permission_cards.py).
create function private.usual_amount(p_supervisor_id uuid, p_tool_name text, p_arguments json) returns numeric
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text;
  v_usual numeric;
begin
  select n into v_name from pg_catalog.unnest(array['amount', 'total', 'price']) with ordinality u(n, place)
  where p_arguments ->> n is not null order by place limit 1;
  if v_name is null or (private.plain_amount(p_arguments, v_name) > 0) is not true then
    return null;
  end if;
  select case when pg_catalog.count(*) >= 10 then (pg_catalog.percentile_cont(0.5) within group (order by l.amount))::numeric end into v_usual
  from (select private.plain_amount(t.arguments, v_name) as amount, t.arguments ->> 'currency' as currency from (
    select coalesce(a.changed_arguments, a.arguments) as arguments from public.tool_permissions a
    where a.supervisor_id = p_supervisor_id and a.tool_name = p_tool_name and a.status = 'allowed' and a.rule is null
      and a.responded_by = p_supervisor_id and not exists (select from public.interactions i where i.id = a.interaction_id and i.is_test)
      and a.responded_at > pg_catalog.now() - interval '90 days' and pg_catalog.strpos(coalesce(a.changed_arguments, a.arguments)::text, '\u0000') = 0
    order by a.responded_at desc limit 200) t) l
  where l.amount > 0 and l.currency is not distinct from p_arguments ->> 'currency';
  return v_usual;
exception when data_exception then  -- of p_arguments, a name or text that PostgreSQL cannot read, as one with U+0000
  return null;
end $$;
comment on function private.usual_amount(uuid, text, json) is
  'The amount that this supervisor usually allows for this tool, in the currency of these arguments; null where there is none.';
