-- Up Migration
-- Locks of limits as rows that only the engine can lock. Any connection can take an advisory lock,
-- and a worker that waits for one keeps a connection that serves all tenants.

create table howdah_private.limit_locks (
  lock_id uuid primary key
);
comment on table howdah_private.limit_locks is
  'One row for each lock under which runs and calls are counted.';
comment on column howdah_private.limit_locks.lock_id is
  'The tenant for all its limits of running runs. Otherwise the limit, for a limit of calls. The '
  'row stays when the limit or the tenant is deleted: a claim may still hold it.';

-- Row-level security applies to the owner as well, and its policies are applied after migrations.
alter table howdah.limits no force row level security;
insert into howdah_private.limit_locks (lock_id)
select distinct case when l.metric = 'running_runs' then l.tenant_id else l.id end
from howdah.limits as l
where l.metric = 'running_runs' or l.scope in ('model', 'tool');
alter table howdah.limits force row level security;
alter table howdah_private.limit_locks enable row level security, force row level security;

-- Down Migration
drop table howdah_private.limit_locks;
