-- Returns the smallest uuid v7 of a time, for the bounds of partitions and for filters by primary
-- key.
create or replace function howdah.uuid_v7_floor(at timestamptz) returns uuid
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
  as $$
    select (lpad(to_hex((extract(epoch from uuid_v7_floor.at) * 1000)::bigint), 12, '0')
      || '70008000000000000000')::uuid
  $$;
comment on function howdah.uuid_v7_floor(timestamptz) is
  E'@behavior -*\nReturns the smallest uuid v7 for a time: '
  '`where id >= howdah.uuid_v7_floor(now() - interval ''1 day'')`.';
