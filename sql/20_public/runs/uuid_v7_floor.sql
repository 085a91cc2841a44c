-- Returns the smallest uuid v7 of a time, for the bounds of partitions and for filters by primary
-- key. Times that no uuid v7 has, such as infinity, give the smallest or the largest one.
create or replace function howdah.uuid_v7_floor(at timestamptz) returns uuid
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
  as $$
    select (lpad(to_hex((
        least(greatest(extract(epoch from uuid_v7_floor.at), 0), 281474976710.655) * 1000
      )::bigint), 12, '0') || '70008000000000000000')::uuid
  $$;
comment on function howdah.uuid_v7_floor(timestamptz) is
  E'@behavior -*\nReturns the smallest uuid v7 for a time: '
  '`where id >= howdah.uuid_v7_floor(now() - interval ''1 day'')`.';

-- Returns the days since the first run that the caller sees, with the ids of their runs. A view
-- that joins the runs of each day reads the days of its condition only: a day that is computed from
-- a column of the run would read all runs. Inlined, so that the condition comes first.
create or replace function howdah_private.run_days()
  returns table (day date, first_id uuid, next_id uuid)
  language sql stable
begin atomic
  select d.at::date as day, howdah.uuid_v7_floor(d.at at time zone 'UTC') as first_id,
    howdah.uuid_v7_floor((d.at + interval '1 day') at time zone 'UTC') as next_id
  from generate_series(
    (
      select date_trunc('day', e.created_at at time zone 'UTC') - interval '1 day'
      from howdah.executions as e order by e.id limit 1
    ),
    now() at time zone 'UTC' + interval '1 day', interval '1 day') as d (at);
end;
