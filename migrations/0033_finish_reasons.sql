-- Up Migration
-- A run tells how its last model answer ended, and an agent may answer with nothing.

create type howdah.finish_reason as enum (
  'stop', 'tool_calls', 'length', 'content_filter', 'refusal'
);
alter table howdah.executions add column finish_reason howdah.finish_reason;
alter table howdah.agents add column allow_empty boolean not null default false;

-- Down Migration
alter table howdah.agents drop column allow_empty;
alter table howdah.executions drop column finish_reason;
drop type howdah.finish_reason;
