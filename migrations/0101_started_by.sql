-- Up Migration
-- Which run started a run that is not its child: by SQL of a tool, or by a request of a tool to the
-- API. Such a run acts for that run, so its feedback on it does not count. An older worker starts
-- runs without it.
alter table howdah.executions add column started_by_execution_id uuid;
comment on column howdah.executions.started_by_execution_id is
  'Run whose tool or hook started this run, by SQL or by a request. A child has '
  'parent_execution_id instead.';
alter table howdah.schedules add column written_by_execution_id uuid;
comment on column howdah.schedules.written_by_execution_id is
  'Run whose tool wrote the schedule; started_by_execution_id of the runs of the schedule.';
comment on column howdah.feedback_entries.is_reward is
  'False for the feedback of an agent on a run of its own tree, session or agent, or of those that '
  'it acts for, and of a program without a person on a run that it started. Such feedback counts '
  'nothing in howdah.rewards.';

-- Down Migration
comment on column howdah.feedback_entries.is_reward is
  'False for the feedback of an agent on its own tree, session or agent, and of a program without '
  'a person on a run that it started. Such feedback counts nothing in howdah.rewards.';
alter table howdah.schedules drop column written_by_execution_id;
alter table howdah.executions drop column started_by_execution_id;
