-- Where a moment begins among ids: the bounds of partitions, and "since yesterday" by primary key.
create or replace function howdah.uuid_v7_floor(at timestamptz) returns uuid
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
  as $$
    select (lpad(to_hex((extract(epoch from uuid_v7_floor.at) * 1000)::bigint), 12, '0')
      || '70008000000000000000')::uuid
  $$;
comment on function howdah.uuid_v7_floor(timestamptz) is
  E'@behavior -*\nThe smallest id of a moment: `where id >= howdah.uuid_v7_floor(now() - interval ''1 day'')`.';
