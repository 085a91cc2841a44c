-- Up Migration
-- Rules that grade a sample of the runs of users, always. Several rules may grade one run, so a run
-- has a row in due_grades, a result and judgements for each of their evaluations.
create table howdah.grading_rules (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  name text not null,
  dataset_id uuid not null,
  graders text[],
  agent_id uuid,
  workflow_id uuid,
  sample int not null default 100,
  interval_seconds int not null default 3600,
  delay_seconds int not null default 0,
  is_active boolean not null default true,
  next_at timestamptz,
  last_at timestamptz,
  graded_until_at timestamptz,
  last_error jsonb,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  constraint grading_rule_names_are_unique unique (tenant_id, name),
  foreign key (tenant_id, dataset_id)
    references howdah.datasets (tenant_id, id) on delete cascade,
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete cascade,
  foreign key (tenant_id, workflow_id)
    references howdah.workflows (tenant_id, id) on delete cascade,
  constraint name_is_one_short_line check (name ~ '^[^[:cntrl:]]{1,100}$' and name ~ '\S'),
  constraint graders_are_1_to_100_names check (cardinality(graders) between 1 and 100),
  constraint a_rule_is_for_an_agent_or_a_workflow
    check (num_nonnulls(agent_id, workflow_id) = 1),
  constraint sample_is_from_1_to_10000 check (sample between 1 and 10000),
  constraint interval_is_from_a_minute_to_a_month check (interval_seconds between 60 and 2678400),
  constraint delay_is_at_most_a_year check (delay_seconds between 0 and 31622400),
  constraint paused_rules_have_no_next_time check (is_active or next_at is null),
  constraint last_error_is_an_object check (jsonb_typeof(last_error) = 'object')
);
create index grading_rules_dataset_id_idx on howdah.grading_rules (tenant_id, dataset_id);
create index grading_rules_agent_id_idx on howdah.grading_rules (tenant_id, agent_id);
create index grading_rules_workflow_id_idx
  on howdah.grading_rules (tenant_id, workflow_id) where workflow_id is not null;
create index grading_rules_due_idx on howdah.grading_rules (next_at) where is_active;
alter table howdah.grading_rules enable row level security, force row level security;
comment on table howdah.grading_rules is
  'Rules that grade a sample of the runs of an agent or a workflow at regular times. Each time '
  'starts evaluations of the runs that have ended since, as howdah.evaluate_runs does.';
comment on column howdah.grading_rules.name is 'Unique among the rules of the tenant.';
comment on column howdah.grading_rules.dataset_id is
  'The data set whose graders grade, and under which the evaluations are listed.';
comment on column howdah.grading_rules.graders is
  'Names of the graders; null: those of the data set that compare with no item.';
comment on column howdah.grading_rules.agent_id is
  'The agent whose runs are graded, in all of its versions.';
comment on column howdah.grading_rules.workflow_id is
  'The workflow whose runs are graded, in all of its versions.';
comment on column howdah.grading_rules.sample is
  'The most runs that are graded each time, from 1 to 10000.';
comment on column howdah.grading_rules.interval_seconds is
  'Seconds between two times, from 60 to 2678400.';
comment on column howdah.grading_rules.delay_seconds is
  'Seconds from the end of a run until it is graded, at most 31622400, so that a sql grader finds '
  'what has happened since.';
comment on column howdah.grading_rules.is_active is
  'False pauses the rule. When it becomes true again, the runs of the last interval are graded, and '
  'none of those before.';
comment on column howdah.grading_rules.next_at is
  'Time at which runs are graded next, set by the database. Null while paused.';
comment on column howdah.grading_rules.last_at is 'Time at which the rule looked for runs last.';
comment on column howdah.grading_rules.graded_until_at is
  'The rule has looked at the runs that ended before this time.';
comment on column howdah.grading_rules.last_error is
  'Why the last time graded nothing, or why judges were refused: {code, message, detail, hint, '
  'scheduled_for}. Null if it succeeded.';

comment on constraint name_is_one_short_line on howdah.grading_rules is
  'Write name as one line of 1 to 100 characters.';
comment on constraint graders_are_1_to_100_names on howdah.grading_rules is
  'Name 1 to 100 graders, or set graders to null for those of the data set.';
comment on constraint a_rule_is_for_an_agent_or_a_workflow on howdah.grading_rules is
  'Set one of agent_id and workflow_id.';
comment on constraint sample_is_from_1_to_10000 on howdah.grading_rules is
  'Set sample to a whole number from 1 to 10000.';
comment on constraint interval_is_from_a_minute_to_a_month on howdah.grading_rules is
  'Set interval_seconds to a whole number from 60 (a minute) to 2678400 (31 days).';
comment on constraint delay_is_at_most_a_year on howdah.grading_rules is
  'Set delay_seconds to a whole number from 0 to 31622400 (366 days).';
comment on constraint paused_rules_have_no_next_time on howdah.grading_rules is
  'Leave next_at to the database, which sets it.';
comment on constraint last_error_is_an_object on howdah.grading_rules is
  'Leave this column to the engine, which writes it.';

alter table howdah.evaluations
  add column grading_rule_id uuid,
  add foreign key (tenant_id, grading_rule_id)
    references howdah.grading_rules (tenant_id, id) on delete set null (grading_rule_id);
create index evaluations_grading_rule_id_idx
  on howdah.evaluations (tenant_id, grading_rule_id, id) where grading_rule_id is not null;
comment on column howdah.evaluations.grading_rule_id is
  'The rule that started the evaluation; null if a person or a program did.';
comment on column howdah.evaluations.since_at is
  'Runs that were created since this time are graded, or, by a rule, ended since; null: those of '
  'the items.';
comment on column howdah.evaluations.until_at is
  'Runs that were created before this time are graded, or, by a rule, ended before; null: those of '
  'the items.';

drop index howdah.evaluation_results_run_key;
create unique index evaluation_results_run_key
  on howdah.evaluation_results (execution_id, evaluation_id) where item_id is null;
alter table howdah_private.due_grades
  drop constraint due_grades_pkey, add primary key (execution_id, evaluation_id);

alter table howdah_private.judgements add column evaluation_id uuid;
-- Row-level security applies to the owner as well.
alter table howdah_private.judgements no force row level security;
alter table howdah.evaluation_results no force row level security;
update howdah_private.judgements as j set evaluation_id = r.evaluation_id
from howdah.evaluation_results as r where r.execution_id = j.execution_id;
delete from howdah_private.judgements where evaluation_id is null;
alter table howdah.evaluation_results force row level security;
alter table howdah_private.judgements force row level security;
alter table howdah_private.judgements
  alter column evaluation_id set not null,
  drop constraint judgements_pkey,
  add constraint judgements_pkey primary key (execution_id, evaluation_id, grader);
comment on column howdah_private.judgements.evaluation_id is
  'The evaluation for which the run is judged.';

alter table howdah_private.background_tasks no force row level security;
insert into howdah_private.background_tasks (name) values ('gradings');
alter table howdah_private.background_tasks force row level security;

-- Down Migration
alter table howdah_private.background_tasks no force row level security;
delete from howdah_private.background_tasks where name = 'gradings';
alter table howdah_private.background_tasks force row level security;
alter table howdah_private.judgements no force row level security;
alter table howdah_private.due_grades no force row level security;
alter table howdah.evaluations no force row level security;
delete from howdah_private.due_grades as d using howdah.evaluations as v
where v.id = d.evaluation_id and v.grading_rule_id is not null;
delete from howdah_private.judgements as j using howdah.evaluations as v
where v.id = j.evaluation_id and v.grading_rule_id is not null;
delete from howdah.evaluations where grading_rule_id is not null;
-- rules that were deleted have left results of runs that others have graded too
delete from howdah_private.due_grades as d using howdah_private.due_grades as o
where o.execution_id = d.execution_id and o.evaluation_id < d.evaluation_id;
delete from howdah_private.judgements as j using howdah_private.judgements as o
where o.execution_id = j.execution_id and o.grader = j.grader
  and o.evaluation_id < j.evaluation_id;
alter table howdah.evaluations force row level security;
alter table howdah.evaluation_results no force row level security;
delete from howdah.evaluation_results as r using howdah.evaluation_results as o
where r.item_id is null and o.item_id is null and o.execution_id = r.execution_id
  and o.evaluation_id < r.evaluation_id;
alter table howdah.evaluation_results force row level security;
alter table howdah_private.due_grades force row level security;
alter table howdah_private.judgements force row level security;
alter table howdah_private.judgements
  drop constraint judgements_pkey,
  add constraint judgements_pkey primary key (execution_id, grader),
  drop column evaluation_id;
alter table howdah_private.due_grades
  drop constraint due_grades_pkey, add primary key (execution_id);
drop index howdah.evaluation_results_run_key;
create unique index evaluation_results_run_key
  on howdah.evaluation_results (execution_id) where item_id is null;
comment on column howdah.evaluations.since_at is
  'Runs that were created since this time are graded; null: those of the items.';
comment on column howdah.evaluations.until_at is
  'Runs that were created before this time are graded; null: those of the items.';
alter table howdah.evaluations drop column grading_rule_id;
drop table howdah.grading_rules;
