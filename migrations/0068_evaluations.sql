-- Up Migration
-- Quality: data sets, graders, and evaluations, whose runs are ordinary executions.
create type howdah.grader_kind as enum (
  'exact', 'normalized', 'regex', 'json_schema', 'json_fields', 'numeric', 'sql', 'similarity',
  'citation', 'trajectory', 'rubric', 'latency', 'cost');
comment on type howdah.grader_kind is
  'What a grader looks at. `exact`, `normalized`, `regex`, `json_schema`, `json_fields` and '
  '`numeric` look at the answer, `sql` at rows of the database, `trajectory` at the calls of '
  'tools, `latency` and `cost` at the run. `similarity`, `citation` and `rubric` are reserved.';
create type howdah.evaluation_status as enum ('running', 'completed', 'cancelled');
comment on type howdah.evaluation_status is
  'State of an evaluation: `running` until each of its runs is graded, then `completed`. '
  '`cancelled` by howdah.cancel_evaluation.';

create table howdah.datasets (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  name text not null,
  description text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  constraint dataset_names_are_unique unique (tenant_id, name),
  constraint name_is_one_short_line check (name ~ '^[^[:cntrl:]]{1,100}$' and name ~ '\S')
);
alter table howdah.datasets enable row level security, force row level security;
comment on table howdah.datasets is
  'Inputs with expected results, on which agents and workflows are evaluated (howdah.evaluate).';
comment on column howdah.datasets.name is 'Unique among the data sets of the tenant.';
comment on column howdah.datasets.description is 'What the data set tests.';
comment on constraint name_is_one_short_line on howdah.datasets is
  'Write name as one line of 1 to 100 characters.';

create table howdah.dataset_items (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  dataset_id uuid not null,
  created_at timestamptz not null default now(),
  source_execution_id uuid,
  source_version_id uuid,
  source_user_id uuid,
  removed_at timestamptz,
  trust howdah.trust not null default 'user',
  created_by text not null,
  split text,
  input text not null default '',
  input_data jsonb,
  expected jsonb,
  metadata jsonb not null default '{}',
  unique (tenant_id, id),
  foreign key (tenant_id, dataset_id)
    references howdah.datasets (tenant_id, id) on delete cascade,
  constraint split_is_one_short_line check (split ~ '^[^[:cntrl:]]{1,100}$' and split ~ '\S'),
  constraint metadata_is_an_object check (jsonb_typeof(metadata) = 'object'),
  constraint item_has_an_input check (input <> '' or input_data is not null)
);
create index dataset_items_dataset_id_idx on howdah.dataset_items (tenant_id, dataset_id, id);
create index dataset_items_source_execution_id_idx
  on howdah.dataset_items (source_execution_id) where source_execution_id is not null;
create index dataset_items_source_user_id_idx
  on howdah.dataset_items (tenant_id, source_user_id) where source_user_id is not null;
alter table howdah.dataset_items enable row level security, force row level security;
comment on table howdah.dataset_items is
  'Items of data sets. An item is never changed, so that evaluations stay comparable: set '
  'removed_at, and insert another one.';
comment on column howdah.dataset_items.dataset_id is 'The data set.';
comment on column howdah.dataset_items.source_execution_id is
  'The run from which the item was made (howdah.add_to_dataset).';
comment on column howdah.dataset_items.source_version_id is
  'The version of the agent or workflow of that run.';
comment on column howdah.dataset_items.source_user_id is
  'The user of that run, also once the run is deleted. The erasure of the user deletes the item.';
comment on column howdah.dataset_items.trust is
  'Trust of the input: that of the run from which the item was made, else user.';
comment on column howdah.dataset_items.removed_at is
  'Time since which evaluations leave the item out.';
comment on column howdah.dataset_items.split is
  'Part of the data set, such as train or test. An evaluation may take one split.';
comment on column howdah.dataset_items.input is 'Input of the runs.';
comment on column howdah.dataset_items.input_data is 'JSON input of the runs.';
comment on column howdah.dataset_items.expected is
  'What graders compare with: the expected text, number or JSON, or an object of which each '
  'grader takes the key that its configuration names.';
comment on column howdah.dataset_items.metadata is
  'Tags of the item, such as {"language": "fr"}. Comparisons are made per tag.';
comment on constraint split_is_one_short_line on howdah.dataset_items is
  'Write split as one line of 1 to 100 characters, such as test.';
comment on constraint metadata_is_an_object on howdah.dataset_items is
  'Write metadata as a JSON object, such as {"language": "fr"}.';
comment on constraint item_has_an_input on howdah.dataset_items is
  'Give the item an input, input_data or both.';

create table howdah.graders (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  dataset_id uuid,
  name text not null,
  kind howdah.grader_kind not null,
  configuration jsonb not null default '{}',
  weight float8 not null default 1,
  pass_score float8 not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  constraint grader_names_are_unique unique (tenant_id, name),
  foreign key (tenant_id, dataset_id)
    references howdah.datasets (tenant_id, id) on delete cascade,
  constraint name_is_one_short_line check (name ~ '^[^[:cntrl:]]{1,100}$' and name ~ '\S'),
  constraint configuration_is_an_object check (jsonb_typeof(configuration) = 'object'),
  constraint weight_is_positive check (weight > 0 and weight <= 1000),
  constraint pass_score_is_from_0_to_1 check (pass_score between 0 and 1)
);
create index graders_dataset_id_idx on howdah.graders (tenant_id, dataset_id);
alter table howdah.graders enable row level security, force row level security;
comment on table howdah.graders is
  'How results of evaluations are graded. An evaluation keeps a copy of its graders.';
comment on column howdah.graders.dataset_id is
  'The data set whose evaluations the grader grades unless they name others; null: only those '
  'that name it.';
comment on column howdah.graders.name is 'Unique among the graders of the tenant.';
comment on column howdah.graders.kind is 'What the grader looks at.';
comment on column howdah.graders.configuration is
  'Settings of the kind, such as {"tolerance": 0.01}. {"expected_key": "answer"} takes that key '
  'of what the item expects.';
comment on column howdah.graders.weight is
  'Weight of the score in the mean of all graders, above 0 and at most 1000.';
comment on column howdah.graders.pass_score is
  'The least score, from 0 to 1, with which a result passes. It must pass all graders.';
comment on constraint name_is_one_short_line on howdah.graders is
  'Write name as one line of 1 to 100 characters.';
comment on constraint configuration_is_an_object on howdah.graders is
  'Write configuration as a JSON object, such as {"tolerance": 0.01}.';
comment on constraint weight_is_positive on howdah.graders is
  'Set weight to a number above 0, at most 1000.';
comment on constraint pass_score_is_from_0_to_1 on howdah.graders is
  'Set pass_score to a number from 0 to 1.';

create table howdah.evaluations (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  dataset_id uuid not null,
  agent_id uuid,
  workflow_id uuid,
  version_id uuid not null,
  created_at timestamptz not null default now(),
  completed_at timestamptz,
  totals_at timestamptz,
  status howdah.evaluation_status not null default 'running',
  items int not null,
  repeats int not null,
  version int not null,
  items_digest text not null,
  created_by text not null,
  label text,
  split text,
  overrides jsonb,
  graders jsonb not null,
  totals jsonb not null default '{}',
  unique (tenant_id, id),
  foreign key (tenant_id, dataset_id)
    references howdah.datasets (tenant_id, id) on delete cascade,
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete cascade,
  foreign key (tenant_id, workflow_id)
    references howdah.workflows (tenant_id, id) on delete cascade,
  constraint an_agent_or_a_workflow_is_evaluated
    check (num_nonnulls(agent_id, workflow_id) = 1),
  constraint overrides_are_an_object check (jsonb_typeof(overrides) = 'object'),
  constraint graders_are_an_array check (jsonb_typeof(graders) = 'array'),
  constraint totals_are_an_object check (jsonb_typeof(totals) = 'object')
);
create index evaluations_dataset_id_idx on howdah.evaluations (tenant_id, dataset_id, id);
create index evaluations_agent_id_idx on howdah.evaluations (tenant_id, agent_id, id);
create index evaluations_workflow_id_idx on howdah.evaluations (tenant_id, workflow_id, id);
alter table howdah.evaluations enable row level security, force row level security;
comment on table howdah.evaluations is
  'Evaluations of agents and workflows on data sets (howdah.evaluate). Their runs are executions '
  'with metadata.evaluation_id.';
comment on column howdah.evaluations.dataset_id is 'The data set.';
comment on column howdah.evaluations.version_id is 'The version of the agent or workflow.';
comment on column howdah.evaluations.version is 'The number of that version.';
comment on column howdah.evaluations.label is
  'The label by which the version was named, such as production.';
comment on column howdah.evaluations.completed_at is
  'Time at which the last result was graded.';
comment on column howdah.evaluations.totals_at is 'Time for which totals hold.';
comment on column howdah.evaluations.status is 'running, completed or cancelled.';
comment on column howdah.evaluations.items is 'Number of items.';
comment on column howdah.evaluations.repeats is 'Number of runs of each item.';
comment on column howdah.evaluations.items_digest is
  'MD5 of the ids of the items. Equal for evaluations of the same items.';
comment on column howdah.evaluations.split is 'The split of the data set; null: all items.';
comment on column howdah.evaluations.overrides is
  'Overrides of the runs, such as {"model": "small"}.';
comment on column howdah.evaluations.graders is 'Copies of the graders, as they were then.';
comment on column howdah.evaluations.totals is
  'Figures of the results that are graded: runs, graded, passed, failed, cancelled, score, '
  'pass_rate, pass_hat_k, flaky_items, cost, tokens, latency_ms_mean, latency_ms_p95.';
comment on constraint an_agent_or_a_workflow_is_evaluated on howdah.evaluations is
  'Call howdah.evaluate, which writes evaluations.';
comment on constraint overrides_are_an_object on howdah.evaluations is
  'Write overrides as a JSON object, such as {"model": "small"}.';
comment on constraint graders_are_an_array on howdah.evaluations is
  'Call howdah.evaluate, which writes graders.';
comment on constraint totals_are_an_object on howdah.evaluations is 'Workers write totals.';

create table howdah.evaluation_results (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  evaluation_id uuid not null,
  item_id uuid not null,
  execution_id uuid,
  graded_at timestamptz,
  tokens bigint,
  latency_ms float8,
  score float8,
  repeat int not null,
  passed boolean,
  cost numeric,
  scores jsonb not null default '{}',
  error jsonb,
  constraint scores_are_an_object check (jsonb_typeof(scores) = 'object'),
  constraint error_is_an_object check (jsonb_typeof(error) = 'object'),
  unique (tenant_id, id),
  constraint an_item_has_a_result_per_repeat unique (tenant_id, evaluation_id, item_id, repeat),
  foreign key (tenant_id, evaluation_id)
    references howdah.evaluations (tenant_id, id) on delete cascade,
  foreign key (tenant_id, item_id)
    references howdah.dataset_items (tenant_id, id) on delete cascade
);
create index evaluation_results_evaluation_id_idx
  on howdah.evaluation_results (tenant_id, evaluation_id, id);
create index evaluation_results_ungraded_idx
  on howdah.evaluation_results (evaluation_id) where graded_at is null;
create index evaluation_results_item_id_idx
  on howdah.evaluation_results (tenant_id, item_id, id);
create index evaluation_results_execution_id_idx on howdah.evaluation_results (execution_id);
alter table howdah.evaluation_results enable row level security, force row level security;
comment on constraint an_item_has_a_result_per_repeat on howdah.evaluation_results is
  E'@behavior -single\nhowdah.evaluate writes results.';
comment on constraint scores_are_an_object on howdah.evaluation_results is
  'Workers write scores.';
comment on constraint error_is_an_object on howdah.evaluation_results is 'Workers write error.';
comment on table howdah.evaluation_results is
  'Results of evaluations: one row for each run of an item. Workers grade them when the runs end.';
comment on column howdah.evaluation_results.evaluation_id is 'The evaluation.';
comment on column howdah.evaluation_results.item_id is 'The item.';
comment on column howdah.evaluation_results.execution_id is
  'The run; null once the run is deleted.';
comment on column howdah.evaluation_results.repeat is 'Number of the run of the item: 1, 2, 3.';
comment on column howdah.evaluation_results.graded_at is 'Time at which the result was graded.';
comment on column howdah.evaluation_results.passed is
  'Whether the result passed all graders; null until it is graded, and if the run was cancelled.';
comment on column howdah.evaluation_results.score is 'Weighted mean of the scores, from 0 to 1.';
comment on column howdah.evaluation_results.scores is
  'What each grader said, by name: {"score": 1, "passed": true, "detail": …}.';
comment on column howdah.evaluation_results.error is 'Why the run failed: {code, message}.';
comment on column howdah.evaluation_results.tokens is 'Tokens of the run.';
comment on column howdah.evaluation_results.cost is 'Cost of the run.';
comment on column howdah.evaluation_results.latency_ms is
  'Time from the start of the run to its end, in milliseconds.';

create table howdah_private.due_grades (
  execution_id uuid primary key,
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  evaluation_id uuid not null,
  due_at timestamptz not null default clock_timestamp(),
  attempts int not null default 0
);
create index due_grades_evaluation_id_idx
  on howdah_private.due_grades (tenant_id, evaluation_id, due_at);
alter table howdah_private.due_grades enable row level security, force row level security;
comment on table howdah_private.due_grades is
  'Runs of evaluations that have ended, and that a worker has to grade.';
comment on column howdah_private.due_grades.execution_id is 'The run.';
comment on column howdah_private.due_grades.evaluation_id is 'Its evaluation.';
comment on column howdah_private.due_grades.due_at is
  'Time of the next attempt. It identifies an attempt under way.';
comment on column howdah_private.due_grades.attempts is 'Attempts that have begun.';

-- Down Migration
drop table howdah_private.due_grades;
drop table howdah.evaluation_results;
drop table howdah.evaluations;
drop table howdah.graders;
drop table howdah.dataset_items;
drop table howdah.datasets;
drop type howdah.evaluation_status;
drop type howdah.grader_kind;
