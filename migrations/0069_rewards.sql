-- Up Migration
-- Who gave feedback in which capacity, and whether it counts as a reward. An older worker reads
-- the rows as before.
create type howdah.feedback_source as enum ('person', 'program', 'agent', 'outcome');
comment on type howdah.feedback_source is
  'Who gave feedback: `person`; `program`, an API key or a login without a user; `agent`, a tool '
  'call or hook of a run; or `outcome`, a later event in the business.';

alter table howdah.feedback_entries
  add column source howdah.feedback_source not null default 'person',
  add column is_reward boolean not null default true,
  add column outcome text,
  add column is_reported boolean not null default false,
  add constraint outcome_is_one_short_line
    check (outcome ~ '^[^[:cntrl:]]{1,100}$' and outcome ~ '\S'),
  add constraint outcome_has_a_score check (outcome is null or score is not null);
create unique index feedback_entries_vote_key on howdah.feedback_entries
  (execution_id, source, coalesce(outcome, created_by), coalesce(message_seq, 0));
drop index howdah.feedback_entries_author_key;
comment on table howdah.feedback_entries is
  E'@foreignKey (execution_id) references howdah.executions (id)'
  '|@fieldName execution|@foreignFieldName feedbackEntries\n'
  'Feedback of people, programs, agents and outcomes on runs, written by howdah.give_feedback. One '
  'row per source, run, message, and author or outcome. howdah.rewards has the score of each run.';
comment on column howdah.feedback_entries.source is
  'Who gave it: a person, a program, an agent, or an outcome in the business.';
comment on column howdah.feedback_entries.is_reward is
  'False for the feedback of an agent on its own tree, session or agent, and of a program without '
  'a person on a run that it started. Such feedback counts nothing in howdah.rewards.';
comment on column howdah.feedback_entries.outcome is
  'Name of an event after the run, such as `ticket reopened within 7 days`.';
comment on column howdah.feedback_entries.is_reported is
  'Whether a program reported it for the person. It replaces nothing that the person said.';
comment on constraint outcome_is_one_short_line on howdah.feedback_entries is
  'Write outcome as one line of 1 to 100 characters.';
comment on constraint outcome_has_a_score on howdah.feedback_entries is
  'Give the outcome a score from 0 to 1.';

-- API keys with a user have the name of the user as author. Other authors are programs, except for
-- users whose rows were erased, who keep the name erased-ID. Row-level security applies to the
-- owner as well, and the rows are not edited, so no trigger runs.
alter table howdah.feedback_entries no force row level security;
alter table howdah.executions no force row level security;
alter table howdah.feedback_entries disable trigger user;
update howdah.feedback_entries as f
set source = 'program', is_reward = r.created_by <> f.created_by
from howdah.executions as e
join howdah.executions as r on r.id = e.root_execution_id
where e.id = f.execution_id and f.created_by !~ '^erased-[0-9a-f-]{36}$' and not exists (
  select from howdah.users as u where u.tenant_id = f.tenant_id and u.username = f.created_by);
alter table howdah.feedback_entries enable trigger user;
alter table howdah.executions force row level security;
alter table howdah.feedback_entries force row level security;

-- Down Migration
-- of the entries of one author, that of the person stays, else the oldest
alter table howdah.feedback_entries no force row level security;
delete from howdah.feedback_entries as f using howdah.feedback_entries as o
where f.execution_id = o.execution_id and f.created_by = o.created_by
  and coalesce(f.message_seq, 0) = coalesce(o.message_seq, 0)
  and (f.source, f.id) > (o.source, o.id);
alter table howdah.feedback_entries force row level security;
create unique index feedback_entries_author_key
  on howdah.feedback_entries (execution_id, created_by, coalesce(message_seq, 0));
drop index howdah.feedback_entries_vote_key;
alter table howdah.feedback_entries
  drop column source, drop column is_reward, drop column outcome,
  drop column is_reported;
drop type howdah.feedback_source;
comment on table howdah.feedback_entries is
  E'@foreignKey (execution_id) references howdah.executions (id)'
  '|@fieldName execution|@foreignFieldName feedbackEntries\n'
  'Feedback of people and automatic checks on runs, written by howdah.give_feedback. One row per '
  'author, run and message.';
