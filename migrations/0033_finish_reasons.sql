-- Up Migration
-- A run tells how its last model answer ended, an agent may answer with nothing, and usage tells how
-- much of it is estimated.

create type howdah.finish_reason as enum (
  'stop', 'tool_calls', 'length', 'content_filter', 'refusal'
);
comment on type howdah.finish_reason is
  'How an answer of a model ended: stop, tool_calls, length (at the token limit), content_filter or '
  'refusal.';
alter table howdah.executions add column finish_reason howdah.finish_reason;
alter table howdah.agents add column allow_empty boolean not null default false;
comment on column howdah.agents.allow_empty is
  'True if an answer without a text and without a call may end a run as completed. Otherwise the '
  'model is asked once more, and then the run fails with empty_answer.';

alter table howdah.deleted_step_usage add column estimated_steps bigint not null default 0;
comment on column howdah.deleted_step_usage.estimated_steps is
  'Number of these steps whose tokens are estimated, since the vendor reported no counts.';

-- Down Migration
alter table howdah.deleted_step_usage drop column estimated_steps;
alter table howdah.agents drop column allow_empty;
alter table howdah.executions drop column finish_reason;
drop type howdah.finish_reason;
