-- Finds the runs that belong to a row of a user's table, named by a ref such as `shop.orders:4711`:
-- a page about an order can lead to its runs without knowing them. A run says in its metadata what
-- it is about, and run_tags.sql finds it. Watched tables write the first form by themselves:
--
--   {"table": "shop.orders", "row": {"id": 4711}}   shop.orders:4711, orders:4711
--   {"order": 4711}                                 order:4711
--
-- A function of the engine, since the tags of runs serve no reader by row security alone. It checks
-- the tenant and hidden agents itself.

-- Returns the metadata to search for a ref. `name` is the table of the first form, null for the
-- second. A key is searched as text and, if it is one, as a number; a key in braces is an object.
create or replace function howdah_private.metadata_of_ref(ref text)
  returns table (name text, value jsonb, filter jsonb)
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select f.name, v.value, f.filter
  from (
    select substring(metadata_of_ref.ref from '^([^:]+):') as name,
      substring(metadata_of_ref.ref from '^[^:]+:(.+)$') as key
  ) as r
  cross join lateral (
    values (to_jsonb(r.key)),
      (case when r.key ~ '^-?\d{1,200}(\.\d{1,200})?$' then to_jsonb(r.key::numeric) end),
      (case when r.key ~ '^\{.*\}$' then r.key::jsonb end)
  ) as v (value)
  cross join lateral (
    values (r.name, jsonb_build_object('row', v.value)),
      (null, jsonb_build_object(r.name, v.value))
  ) as f (name, filter)
  where v.value is not null
$$;

-- Returns whether metadata of the first form name a row: the whole key, or the value of a key of
-- one column. The table may be named without its schema.
create or replace function howdah_private.is_of_row(metadata jsonb, name text, value jsonb)
  returns boolean
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    (m.table_name = is_of_row.name or right(m.table_name, 1 + length(is_of_row.name))
      = '.' || is_of_row.name)
    and jsonb_typeof(m.row) = 'object'
    and case jsonb_typeof(is_of_row.value) when 'object' then m.row = is_of_row.value
      else array(select k.value from jsonb_each(m.row) as k) = array[is_of_row.value] end, false)
  from (
    select is_of_row.metadata ->> 'table' as table_name, is_of_row.metadata -> 'row' as row
  ) as m
$$;

create or replace function howdah_private.check_ref(ref text) returns void
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if length(check_ref.ref) <= 1000 and check_ref.ref ~ '^[^:]+:.' then
    begin
      perform from howdah_private.metadata_of_ref(check_ref.ref);
      return;
    exception when data_exception then null; -- a key in braces that is no object
    end;
  end if;
  raise exception using errcode = 'HWINV',
    message = format('ref must name a table and a key, not %s',
      coalesce(quote_literal(left(check_ref.ref, 100)), 'null')),
    detail = jsonb_build_object('field', 'ref')::text,
    hint = 'Write the table, a colon and the primary key, such as shop.orders:4711, or '
      'shop.lines:{"order_id": 4711, "line": 2} for a key of several columns.';
end $$;

create or replace function howdah.runs_of(ref text) returns setof uuid
  language plpgsql stable security definer rows 10
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_hidden uuid[] := howdah_private.hidden_agents();
begin
  perform howdah_private.check_ref(runs_of.ref);
  return query
  with searched as (
    select f.name, f.value, f.filter, howdah_private.rarest_tag(v_tenant_id, f.filter) as tag
    from howdah_private.metadata_of_ref(runs_of.ref) as f
  )
  select distinct f.id
  from searched as s
  cross join lateral (
    select e.id::uuid
    from howdah_private.run_tags as g
    join howdah.executions as e on e.id = g.execution_id
    where g.tenant_id = v_tenant_id and g.key = s.tag[1] and g.value = s.tag[2]
      and e.tenant_id = v_tenant_id
      -- `case` hides the estimate, a thousandth of the runs: the newest are then read in order
      and case when s.name is null then e.metadata @> s.filter
        else howdah_private.is_of_row(e.metadata, s.name, s.value) end
      and coalesce(e.agent_id, e.workflow_id) <> all (v_hidden)
    order by g.execution_id desc limit 1000
  ) as f
  order by f.id desc limit 1000;
end $$;
comment on function howdah.runs_of(text) is
  E'@behavior -*\nReturns the ids of the runs that belong to a row of a table, the newest 1,000 at '
  'most: select id, status from howdah.executions where id in (select '
  'howdah.runs_of(''shop.orders:4711'')). A run belongs to a row if its metadata say so, as those '
  'of watched tables do: {"table": "shop.orders", "row": {"id": 4711}}, or {"orders": 4711}.';
