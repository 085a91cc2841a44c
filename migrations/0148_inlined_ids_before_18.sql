-- Up Migration
-- Gives uuid_v7(), the default of every id, a parsed body before PostgreSQL 18. The body was a
-- text, and each call parsed that text with `pg_temp` first in the search path. So the engine would
-- use a type `uuid` that a login had created there. A parsed body refers to functions and types by
-- oid. A body of one expression that reads the clock once can also be inlined. The layout of the id
-- is unchanged: in units of 1/4096 ms the time has 60 bits, 12 digits of milliseconds and 3 digits
-- of their fraction. The version goes between the two.
do $$ begin
  if current_setting('server_version_num')::int < 180000 then
    create or replace function howdah.uuid_v7() returns uuid
      language sql volatile parallel safe
      return (
        substring(
          overlay(
            encode(int8send((extract(epoch from clock_timestamp()) * 1000000)::bigint * 512 / 125), 'hex')
            placing '7' from 14 for 0
          ) from 2
        ) || substring(gen_random_uuid()::text from 20)
      )::uuid;
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
          overlay(
            uuid_send(gen_random_uuid())
            placing int8send((now_us / 1000 << 16) | (7 << 12) | (now_us % 1000 * 4096 / 1000)) from 1 for 8
          ), 'hex'
        )::uuid
        from (select (extract(epoch from clock_timestamp()) * 1000000)::bigint as now_us) as clock
      $body$;
  end if;
end $$;
