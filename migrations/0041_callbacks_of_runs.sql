-- Up Migration
-- Makes every column of a run readable, so that `select *` and `returning *` work for tenants. The
-- URL of a callback may contain a key, so it moves to a private table. The column keeps its host.

create table howdah_private.run_callbacks (
  execution_id uuid primary key,
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  url text not null
);
create index run_callbacks_tenant_id_idx on howdah_private.run_callbacks (tenant_id);
comment on table howdah_private.run_callbacks is
  'The whole callback_url of runs that have one. The row of the run names the host only, since the '
  'rest may be a key. Deleted when the contents of the run are erased.';
alter table howdah.executions no force row level security;
insert into howdah_private.run_callbacks (execution_id, tenant_id, url)
select e.id, e.tenant_id, e.callback_url from howdah.executions as e
where e.callback_url is not null;
update howdah.executions as e
set callback_url = coalesce(substring(e.callback_url from '^\w+://[^/?#]+'), '') || '/…'
where e.id in (select c.execution_id from howdah_private.run_callbacks as c);
alter table howdah.executions force row level security;
alter table howdah_private.run_callbacks enable row level security, force row level security;

comment on column howdah.executions.callback_url is
  'URL that receives the end of this run, and questions of the runs below, like a webhook. Signed '
  'with the secret `callbacks` if it exists. It reads as https://host/…, since it may contain a '
  'key.';

-- GraphQL leaves out what only the engine needs.
comment on column howdah.executions.active_ms is
  E'@behavior -*\nActive time before active_since, in milliseconds.';
comment on column howdah.executions.messages_at_retry is
  E'@behavior -*\n'
  'Number of messages at the last retry_execution. Guards examine only later messages.';
comment on column howdah.executions.moves is
  E'@behavior -*\nNumber of status changes, part of the version of the session state.';
comment on column howdah.executions.members_waiting is
  E'@behavior -*\nNumber of live children that wait for their turn.';
comment on column howdah.executions.crashes_without_progress is
  E'@behavior -*\n'
  'Number of workers that died with this run since its last commit. While the run is running, as '
  'of the last change of this row.';
comment on column howdah.executions.has_inbox is
  E'@behavior -*\nTrue while an event from outside is not in the log yet.';
comment on column howdah.executions.owner_worker is
  E'@behavior -*\nThe worker process that owns the run while it is running.';
comment on column howdah.executions.active_since is
  E'@behavior -*\nStart of the current period of activity, while the run is running.';
comment on column howdah.executions.paused_from is
  E'@behavior -*\n'
  'Reason why a paused run was waiting. Null if it was not waiting.';
comment on column howdah.executions.wakes_on is
  E'@behavior -*\nKind of ends that wake a workflow run while it waits for members.';
comment on column howdah.executions.members_at_once is
  E'@behavior -*\n'
  'Maximum number of members of a workflow run that work at the same time. The others wait for '
  'their turn. Null means all.';
comment on column howdah.executions.parent_call_id is
  E'@behavior -*\nTool call of the parent that this run answers.';
comment on column howdah.executions.first_limits is
  E'@behavior -*\n'
  'Limits before the first retry_execution or handoff that changed them.';
comment on column howdah.executions.contents_key_id is
  E'@behavior -*\n'
  'Data key of the encrypted contents. Null if they are in plain text.';
comment on column howdah.agents.version_is_stale is
  E'@behavior -*\n'
  'True from an edit until the same transaction writes the new version at commit.';
comment on column howdah.workflows.version_is_stale is
  E'@behavior -*\n'
  'True from an edit until the same transaction writes the new version at commit.';

-- Down Migration
alter table howdah_private.run_callbacks no force row level security;
alter table howdah.executions no force row level security;
update howdah.executions as e set callback_url = c.url
from howdah_private.run_callbacks as c where c.execution_id = e.id;
alter table howdah.executions force row level security;
drop table howdah_private.run_callbacks;
