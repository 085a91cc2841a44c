-- Up Migration
-- Ids are uuid v7: sorted by time, so that a month of runs is a range of ids and a partition.
do $$
begin
  if current_setting('server_version_num')::int >= 180000 then
    create function howdah.uuid_v7() returns uuid
      language sql volatile parallel safe
      set search_path = ''
      as 'select pg_catalog.uuidv7()';
  else
    create function howdah.uuid_v7() returns uuid
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
comment on function howdah.uuid_v7() is
  E'@behavior -*\nA new uuid v7: the server''s own on PostgreSQL 18, the same layout before.';

create function howdah_private.is_uuid_v7(id uuid) returns boolean
  language sql immutable parallel safe
  set search_path = ''
  as $$ select get_byte(uuid_send(is_uuid_v7.id), 6) >> 4 = 7 $$;

-- A domain, because the router of a partitioned table speaks before a check of the table could.
create domain howdah.execution_id as uuid
  constraint must_be_uuid_v7 check (howdah_private.is_uuid_v7(value));
comment on domain howdah.execution_id is 'The id of an execution: a uuid v7, since executions are partitioned by time.';

create type howdah.execution_status as enum
  ('queued', 'running', 'waiting', 'paused', 'completed', 'failed', 'cancelled');
create type howdah.waiting_reason as enum ('child', 'question', 'timer', 'turn', 'quota');
create type howdah.stop_reason as enum
  ('final_answer', 'max_steps', 'max_tokens', 'max_cost', 'max_time', 'loop_guard', 'cancelled', 'error',
   'expired', 'poison');
create type howdah.step_kind as enum
  ('input', 'model', 'tool_started', 'tool', 'child_started', 'child', 'question', 'answer', 'handoff',
   'timer', 'guard', 'retry', 'fork', 'output', 'error');
create type howdah.message_role as enum ('system', 'user', 'assistant', 'tool');
create type howdah.trust as enum ('system', 'user', 'internal', 'external');
create type howdah.tool_kind as enum
  ('builtin', 'sql', 'http', 'mcp', 'code', 'agent', 'workflow', 'custom');
create type howdah.tool_effect as enum ('pure', 'idempotent', 'once');
create type howdah.model_purpose as enum ('llm', 'embedding', 'tts', 'stt');
create type howdah.user_role as enum ('owner', 'admin', 'member', 'viewer');

comment on type howdah.execution_status is 'Where a run stands; the moves allowed are rows of howdah.status_transitions.';
comment on type howdah.waiting_reason is 'What a waiting run waits for.';
comment on type howdah.stop_reason is 'Why a run ended.';
comment on type howdah.step_kind is 'What a step of the log records.';
comment on type howdah.message_role is 'Who speaks, in the words of chat models.';
comment on type howdah.trust is 'How far the origin of a text is trusted, highest first.';
comment on type howdah.tool_kind is 'What executes a tool.';
comment on type howdah.tool_effect is 'What repeating a call would do: nothing, the same again, or harm.';
comment on type howdah.model_purpose is 'What a model is for.';
comment on type howdah.user_role is 'What a user may do within the tenant.';

-- Down Migration
drop domain howdah.execution_id;
drop type howdah.execution_status, howdah.waiting_reason, howdah.stop_reason, howdah.step_kind,
  howdah.message_role, howdah.trust, howdah.tool_kind, howdah.tool_effect, howdah.model_purpose,
  howdah.user_role;
drop function if exists howdah_private.is_uuid_v7(uuid);
drop function if exists howdah.uuid_v7();
