-- Up Migration
-- Answers of models that are used again for equal requests, for agents that ask for it.
alter table howdah.agents
  add column cache_answers_for int,
  add constraint cache_answers_for_is_from_1_second_to_a_month
    check (cache_answers_for between 1 and 2592000);
comment on column howdah.agents.cache_answers_for is
  'Seconds for which an answer of a model is used again for an equal request of this agent. Null '
  'asks the model each time.';

create table howdah_private.cached_answers (
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  agent_id uuid not null,
  digest bytea not null,
  repeat int not null,
  execution_id uuid not null,
  message_seq int not null,
  cached_at timestamptz not null default clock_timestamp(),
  calls int not null default 1,
  hits int not null default 0,
  saved_tokens bigint not null default 0,
  saved_cost numeric not null default 0,
  primary key (tenant_id, agent_id, digest, repeat),
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete cascade
);
create index cached_answers_execution_id_idx on howdah_private.cached_answers (execution_id);
create index cached_answers_cached_at_idx on howdah_private.cached_answers (cached_at);
alter table howdah_private.cached_answers enable row level security, force row level security;
comment on table howdah_private.cached_answers is
  'Answers that may be used again. A row refers to the message of the run that has the answer, so '
  'an answer that is erased, encrypted or deleted is not used any more.';
comment on column howdah_private.cached_answers.agent_id is 'The agent that asks.';
comment on column howdah_private.cached_answers.digest is
  'SHA-256 of the request: the model with its parameters, messages, tools and the output schema.';
comment on column howdah_private.cached_answers.repeat is
  'The repeat of the item that an evaluation runs, also for runs below; 1 for other runs.';
comment on column howdah_private.cached_answers.execution_id is 'The run that has the answer.';
comment on column howdah_private.cached_answers.message_seq is 'The message that has the answer.';
comment on column howdah_private.cached_answers.cached_at is 'Time of the answer.';
comment on column howdah_private.cached_answers.calls is 'Calls of the model for this request.';
comment on column howdah_private.cached_answers.hits is
  'Requests that got an answer from the cache.';
comment on column howdah_private.cached_answers.saved_tokens is 'Tokens that the hits saved.';
comment on column howdah_private.cached_answers.saved_cost is 'Cost that the hits saved.';

-- Down Migration
drop table howdah_private.cached_answers;
alter table howdah.agents
  drop constraint cache_answers_for_is_from_1_second_to_a_month,
  drop column cache_answers_for;
