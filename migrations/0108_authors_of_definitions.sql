-- Up Migration
-- Who wrote a schedule or an inbound hook. It becomes created_by of the runs: a program cannot rate
-- the runs that its schedule starts, also after the key of the program is renamed. For rows that
-- exist the audit log says who wrote them, and users have the name that they have now. Rows without
-- an author start runs as before, in the name of the login. An older worker needs neither column.
alter table howdah.schedules add column written_by text;
alter table howdah.inbound_hooks add column written_by text;
comment on column howdah.schedules.written_by is
  'User, else API key, else database login that last changed what the schedule does; created_by of '
  'its runs.';
comment on column howdah.inbound_hooks.written_by is
  'User, else API key, else database login that last changed what the hook does; created_by of its '
  'runs.';
alter table howdah.api_keys add column former_names text[] not null default '{}';
comment on column howdah.api_keys.former_names is
  'Names that the key had before. It does not rate the runs that it started under them.';
comment on column howdah.feedback_entries.is_reward is
  'False for the feedback of an agent on a run of its own tree, session or agent, or of those that '
  'it acts for, and of a program without a person on a run that it started, also by a schedule or '
  'an inbound hook that it wrote. Such feedback counts nothing in howdah.rewards.';

-- Row-level security applies to the owner as well, and the rows are not edited, so no trigger runs.
alter table howdah.schedules no force row level security;
alter table howdah.inbound_hooks no force row level security;
alter table howdah.audit_log no force row level security;
alter table howdah.users no force row level security;
alter table howdah.schedules disable trigger user;
alter table howdah.inbound_hooks disable trigger user;
update howdah.schedules as s set written_by = (
  select case when l.user_id is null then l.actor else u.username end
  from howdah.audit_log as l
  left join howdah.users as u on u.id = l.user_id
  where l.tenant_id = s.tenant_id and l.object = 'schedules' and l.object_id = s.id::text
    and (l.action = 'insert' or l.changed && '{cron,timezone,agent_id,workflow_id,input,input_data,
      metadata,session_id,priority,concurrency_key,overlap_policy,catchup_policy}')
  order by l.seq desc limit 1);
update howdah.inbound_hooks as h set written_by = (
  select case when l.user_id is null then l.actor else u.username end
  from howdah.audit_log as l
  left join howdah.users as u on u.id = l.user_id
  where l.tenant_id = h.tenant_id and l.object = 'inbound_hooks' and l.object_id = h.id::text
    and (l.action = 'insert' or l.changed && '{verification,secret_name,previous_secret_name,
      secret_header,agent_id,workflow_id,condition,mapping,session_key,debounce_key,debounce_ms,
      reply}')
  order by l.seq desc limit 1);
alter table howdah.inbound_hooks enable trigger user;
alter table howdah.schedules enable trigger user;
alter table howdah.users force row level security;
alter table howdah.audit_log force row level security;
alter table howdah.inbound_hooks force row level security;
alter table howdah.schedules force row level security;

-- Down Migration
comment on column howdah.feedback_entries.is_reward is
  'False for the feedback of an agent on a run of its own tree, session or agent, or of those that '
  'it acts for, and of a program without a person on a run that it started. Such feedback counts '
  'nothing in howdah.rewards.';
alter table howdah.api_keys drop column former_names;
alter table howdah.inbound_hooks drop column written_by;
alter table howdah.schedules drop column written_by;
