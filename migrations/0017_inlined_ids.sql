-- Up Migration
-- Called for every row of executions and messages: a body parsed when the function is made needs no pinned search_path
-- and is taken in place of the call, which is ten times cheaper.
do $$
begin
  if current_setting('server_version_num')::int >= 180000 then
    create or replace function howdah.uuid_v7() returns uuid
      language sql volatile parallel safe
      return pg_catalog.uuidv7();
  else
    create or replace function howdah.uuid_v7() returns uuid
      language sql volatile parallel safe
      return encode(
        set_bit(
          set_bit(
            overlay(
              uuid_send(gen_random_uuid())
              placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
              from 1 for 6
            ), 52, 1
          ), 53, 1
        ), 'hex'
      )::uuid;
  end if;
end $$;
create or replace function howdah_private.is_uuid_v7(id uuid) returns boolean
  language sql immutable parallel safe
  return get_byte(uuid_send(id), 6) >> 4 = 7;

-- Down Migration
do $$
begin
  if current_setting('server_version_num')::int >= 180000 then
    create or replace function howdah.uuid_v7() returns uuid
      language sql volatile parallel safe
      set search_path = ''
      as 'select pg_catalog.uuidv7()';
  else
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
create or replace function howdah_private.is_uuid_v7(id uuid) returns boolean
  language sql immutable parallel safe
  set search_path = ''
  as $$ select get_byte(uuid_send(is_uuid_v7.id), 6) >> 4 = 7 $$;
