-- Up Migration
-- Before PostgreSQL 18 ids of one millisecond had no order: two runs that one row of a watched table began could change places, and
-- the answer to the earlier one count as the newest. Microseconds follow the milliseconds now, as in those of PostgreSQL 18.
do $$ begin
  if current_setting('server_version_num')::int < 180000 then
    create or replace function howdah.uuid_v7() returns uuid
      language sql volatile parallel safe
      set search_path = ''
      as $body$
        select encode(
          overlay(
            uuid_send(gen_random_uuid())
            placing int8send((now_us / 1000 << 16) | (7 << 12) | (now_us % 1000 * 4096 / 1000)) from 1 for 8
          ), 'hex'
        )::uuid
        from (select (extract(epoch from clock_timestamp()) * 1000000)::bigint as now_us) as clock
      $body$;
  end if;
end $$;

-- Down Migration
do $$ begin
  if current_setting('server_version_num')::int < 180000 then
    create or replace function howdah.uuid_v7() returns uuid
      language sql volatile parallel safe
      set search_path = ''
      as $body$
        select encode(
          set_bit(
            set_bit(
              overlay(
                uuid_send(gen_random_uuid())
                placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
                from 1 for 6
              ), 52, 1
            ), 53, 1
          ), 'hex'
        )::uuid
      $body$;
  end if;
end $$;
