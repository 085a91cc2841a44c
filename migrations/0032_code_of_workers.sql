-- Up Migration
-- A worker takes only runs whose code it has: custom tools, and engines that are functions.

create table howdah_private.needed_code (
  agent_version_id uuid primary key,
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  tools text[] not null,
  engines text[] not null,
  foreign key (tenant_id, agent_version_id)
    references howdah.agent_versions (tenant_id, id) on delete cascade
);
create index needed_code_tenant_id_agent_version_id_idx
  on howdah_private.needed_code (tenant_id, agent_version_id);
alter table howdah_private.needed_code enable row level security, force row level security;
comment on table howdah_private.needed_code is
  'Custom tools and engines that the runs of a version of an agent need from a worker. Most '
  'versions need none and have no row.';

create table howdah_private.runs_without_worker (
  execution_id uuid primary key,
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  deferred_at timestamptz not null default clock_timestamp()
);
create index runs_without_worker_tenant_id_idx on howdah_private.runs_without_worker (tenant_id);
alter table howdah_private.runs_without_worker enable row level security, force row level security;
comment on table howdah_private.runs_without_worker is
  'Queued runs that a worker did not take because it lacks their code. A worker that has the code '
  'takes them from here.';

alter table howdah_private.workers add column custom_engines text[];
comment on column howdah_private.workers.custom_engines is
  'Engines that are functions of the worker. Null for a worker of an earlier release, which may '
  'have any.';

alter table howdah.agent_versions no force row level security;
alter table howdah_private.needed_code no force row level security;
insert into howdah_private.needed_code (agent_version_id, tenant_id, tools, engines)
select n.id, n.tenant_id, n.tools, n.engines
from (
  select v.id, v.tenant_id,
    array(
      select distinct t.value ->> 'name'
      from jsonb_path_query(v.definition, '$.tools[*].**{0 to 1} ? (@.kind == "custom")') as t (value)
    ) as tools,
    array(
      select distinct m.value ->> 'model'
      from jsonb_path_query(v.definition, '$.models[*] ? (@.provider == "engine:custom")') as m (value)
    ) as engines
  from howdah.agent_versions as v
) as n
where n.tools || n.engines <> '{}';
alter table howdah_private.needed_code force row level security;
alter table howdah.agent_versions force row level security;

alter table howdah_private.alert_limits no force row level security;
insert into howdah_private.alert_limits (name, severity, threshold, unit, description) values
  ('worker_lacks_code', 'critical', 30, 'seconds',
    'Time for which runs wait because no running worker has their custom tools or engine.');
alter table howdah_private.alert_limits force row level security;

-- Down Migration
alter table howdah_private.alert_limits no force row level security;
delete from howdah_private.alert_limits where name = 'worker_lacks_code';
alter table howdah_private.alert_limits force row level security;
alter table howdah_private.workers drop column custom_engines;
alter table howdah.executions no force row level security;
update howdah.executions as e set wake_at = null
from howdah_private.runs_without_worker as r where e.id = r.execution_id and e.status = 'queued';
alter table howdah.executions force row level security;
drop table howdah_private.runs_without_worker;
drop table howdah_private.needed_code;
