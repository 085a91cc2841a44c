-- Up Migration
-- Every insert of a run makes an id and checks it. A body that is parsed when it is made is bound to its names as
-- firmly as one with a pinned search_path, and the planner puts it in place of the call.
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

-- Two look-ups and two row locks per run, for what its insert trigger reads from the agent in the same moment
-- (_110_check_version). GraphQL is told of both.
alter table howdah.executions
  drop constraint executions_tenant_id_agent_id_fkey,
  drop constraint executions_tenant_id_agent_version_id_fkey;
comment on table howdah.executions is
  E'@foreignKey (agent_id) references howdah.agents (id)\n@foreignKey (agent_version_id) references howdah.agent_versions (id)\nRuns. Inserting (agent_id, input) starts one; its log is steps, its conversation is messages.';

-- Down Migration
comment on table howdah.executions is
  'Runs. Inserting (agent_id, input) starts one; its log is steps, its conversation is messages.';
alter table howdah.executions
  add foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete restrict,
  add foreign key (tenant_id, agent_version_id)
    references howdah.agent_versions (tenant_id, id) on delete restrict;
create or replace function howdah_private.is_uuid_v7(id uuid) returns boolean
  language sql immutable parallel safe
  set search_path = ''
  as $$ select get_byte(uuid_send(is_uuid_v7.id), 6) >> 4 = 7 $$;
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
