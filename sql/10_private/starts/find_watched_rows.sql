-- Returns the runs that a row with this primary key started, for lists of watched rows. Tenants
-- could use no index for `row_key @> …`, which is not leakproof. A part of a key, and a key with
-- decimals or arrays, whose JSON text may differ, are compared with each row of the watch.
create or replace function howdah_private.find_watched_rows(row_key jsonb) returns setof uuid
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  with watches as (
    select w.id, w.tenant_id, w.key_columns <@ array(
      select k.name from jsonb_each(find_watched_rows.row_key) as k (name, value)
      where jsonb_typeof(k.value) not in ('array', 'object') and k.value::text !~ '^-?\d+[.eE]'
    ) and not exists (
      select from (
        select r.row_key from howdah.watched_rows as r
        where r.tenant_id = w.tenant_id and r.table_trigger_id = w.id
        order by r.execution_id desc limit 1
      ) as newest
      where newest.row_key::text ~ ': (-?\d+\.|\[|\{)'
    ) as is_whole
    from howdah.table_triggers as w where w.tenant_id = howdah.current_tenant()
  ),
  found as (
    select r.execution_id
    from watches as w
    join howdah.watched_rows as r
      on md5(r.table_trigger_id::text || r.row_key::text)
        = md5(w.id::text || find_watched_rows.row_key::text)
    where w.is_whole
    union all
    select r.execution_id
    from watches as w
    join howdah.watched_rows as r on r.tenant_id = w.tenant_id and r.table_trigger_id = w.id
      and r.row_key @> find_watched_rows.row_key
    where not w.is_whole
  )
  select f.execution_id from found as f
  where (select howdah_private.hidden_agents()) = '{}'
    or howdah_private.sees_run(f.execution_id, (select howdah_private.hidden_agents()))
$$;
