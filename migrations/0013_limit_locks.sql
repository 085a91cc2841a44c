-- Up Migration
-- Locks of limits as rows that only the engine can lock. Any connection can take an advisory lock,
-- and a worker that waits for one keeps a connection that serves all tenants.

create table howdah_private.limit_locks (
  lock_id uuid primary key,
  tenant_id uuid not null references howdah.tenants (id) on delete cascade
);
create index limit_locks_tenant_id_idx on howdah_private.limit_locks (tenant_id);
alter table howdah_private.limit_locks enable row level security, force row level security;
comment on table howdah_private.limit_locks is
  'One row for each lock under which runs and calls are counted.';
comment on column howdah_private.limit_locks.lock_id is
  'The tenant for all its limits of running runs. Otherwise the limit, for a limit of calls. The '
  'row stays when the limit is deleted: a claim may still hold it.';
comment on column howdah_private.limit_locks.tenant_id is 'Tenant of the limit.';

insert into howdah_private.limit_locks (lock_id, tenant_id)
select distinct case when l.metric = 'running_runs' then l.tenant_id else l.id end, l.tenant_id
from howdah.limits as l
where l.metric = 'running_runs' or l.scope in ('model', 'tool');

-- Down Migration
drop table howdah_private.limit_locks;
