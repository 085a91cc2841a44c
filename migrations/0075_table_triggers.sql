-- Up Migration
-- Tables of users, watched: a row that arrives begins a run, whose answer is written back into it.
create type howdah.write_back_status as enum ('waiting', 'written', 'superseded', 'gone', 'failed');
comment on type howdah.write_back_status is
  'What became of an answer: not there yet, in its row, not written since somebody had changed the column or deleted the row, or failed.';

create table howdah.table_triggers (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
  table_name text not null,
  on_event text not null default 'insert',
  agent_id uuid,
  workflow_id uuid,
  input text not null,
  condition text,
  into_column text,
  key_columns text[] not null,
  is_active boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete cascade,
  foreign key (tenant_id, workflow_id) references howdah.workflows (tenant_id, id) on delete cascade,
  constraint on_event_is_insert_or_update check (on_event in ('insert', 'update', 'insert or update')),
  constraint a_watch_is_for_an_agent_or_a_workflow check (num_nonnulls(agent_id, workflow_id) = 1),
  constraint rows_are_found_by_a_key check (into_column is null or cardinality(key_columns) > 0)
);
create unique index table_triggers_watch_key on howdah.table_triggers
  (tenant_id, table_name, coalesce(agent_id, workflow_id), coalesce(into_column, ''));
create index table_triggers_agent_id_idx on howdah.table_triggers (tenant_id, agent_id);
create index table_triggers_workflow_id_idx on howdah.table_triggers (tenant_id, workflow_id);
alter table howdah.table_triggers enable row level security, force row level security;
comment on table howdah.table_triggers is
  'Tables of users whose rows begin runs, by howdah.watch_table; howdah.unwatch_table ends it.';
comment on column howdah.table_triggers.table_name is 'The table as it was called when the watch was made.';
comment on column howdah.table_triggers.on_event is 'insert, update, or insert or update; an update counts when it changes the input, or fulfils the condition.';
comment on column howdah.table_triggers.input is 'An expression over the columns of the row: what the agent is told. Null begins no run.';
comment on column howdah.table_triggers.condition is 'An expression over the columns of the row that has to be true; null for every row.';
comment on column howdah.table_triggers.into_column is 'Where the answer is written; null: nowhere.';
comment on column howdah.table_triggers.key_columns is 'The table''s primary key, by which the row is found again.';
comment on column howdah.table_triggers.is_active is 'Off: rows that arrive begin no runs; answers of those there are still written.';

create table howdah.watched_rows (
  execution_id uuid primary key,
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
  table_trigger_id uuid not null,
  row_key jsonb not null,
  watches uuid[] not null,
  value_sha256 bytea,
  write_back howdah.write_back_status,
  attempts smallint not null default 0,
  error jsonb,
  written_at timestamptz,
  created_at timestamptz not null default now(),
  foreign key (tenant_id, table_trigger_id) references howdah.table_triggers (tenant_id, id) on delete cascade,
  constraint row_key_is_an_object check (jsonb_typeof(row_key) = 'object'),
  constraint error_is_an_object check (jsonb_typeof(error) = 'object')
);
create index watched_rows_table_trigger_id_idx on howdah.watched_rows (tenant_id, table_trigger_id, md5(row_key::text));
alter table howdah.watched_rows enable row level security, force row level security;
comment on table howdah.watched_rows is
  'Which row of a watched table each of its runs is about, and what became of the answer.';
comment on column howdah.watched_rows.row_key is 'The row''s primary key: {"id": 4711}.';
comment on column howdah.watched_rows.watches is
  'The watches that led to this run, its own last: more than one when an answer, or a tool of a run, wrote into a watched table.';
comment on column howdah.watched_rows.value_sha256 is
  'Of what stood in into_column when the run began: whatever else stands there later is somebody''s edit, and is kept.';
comment on column howdah.watched_rows.attempts is 'How often its answer was to be written.';
comment on column howdah.watched_rows.write_back is 'Null when the watch writes nothing back.';
comment on column howdah.watched_rows.error is 'Why there is no answer to write, or why it could not be written: {code, message}.';

alter table howdah.executions add column table_trigger_id uuid;
comment on column howdah.executions.table_trigger_id is 'The watch of a user''s table that began this run.';

-- Down Migration
do $$
declare
  v_trigger record;
begin
  for v_trigger in
    select t.tgname, t.tgrelid::regclass as watched from pg_catalog.pg_trigger as t
    where t.tgname ~ '^howdah_watch_[0-9a-f]{32}' and not t.tgisinternal and t.tgparentid = 0
  loop
    execute format('drop trigger %I on %s', v_trigger.tgname, v_trigger.watched);
  end loop;
end $$;
drop trigger if exists _850_write_back on howdah.executions;
drop function if exists howdah_private.tg__watch() cascade;
alter table howdah.executions drop column table_trigger_id;
drop table howdah.watched_rows, howdah.table_triggers cascade;
drop type howdah.write_back_status;
