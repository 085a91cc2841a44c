-- Up Migration
-- A quota of a user, an agent, a session or an API key without a subject holds for each of them, and one of the system for
-- each tenant if it says so. So use is counted by quota and subject.
-- without policies, which go first on the way down, an owner sees rows only where they are not forced
alter table howdah.quotas no force row level security;
alter table howdah_private.quota_counters no force row level security;
alter table howdah_private.parked_runs no force row level security;
alter table howdah.quotas
  add column is_per_tenant boolean not null default false,
  drop constraint all_but_a_tenant_and_the_system_have_a_subject,
  add constraint a_tenant_and_the_system_have_no_subject check (scope not in ('tenant', 'system') or subject_id is null),
  add constraint a_quota_per_tenant_is_of_the_system check (not is_per_tenant or scope = 'system'),
  drop constraint quotas_tenant_id_scope_subject_id_metric_period_key,
  add constraint quotas_tenant_id_scope_subject_id_metric_period_key
    unique nulls not distinct (tenant_id, scope, subject_id, metric, period, is_per_tenant);
comment on constraint quotas_tenant_id_scope_subject_id_metric_period_key on howdah.quotas is
  E'@behavior -*\nOne quota for each; a quota is named by its id.';
comment on column howdah.quotas.subject_id is
  'The user, agent, session or API key; without one it holds for each of them that has none of its own for this metric and period. None for a tenant or the system.';
comment on column howdah.quotas.is_per_tenant is
  'Of a quota of the system: each tenant may use so much, unless an owner of the database wrote one for it alone.';

alter table howdah_private.quota_counters add column subject_id uuid;
delete from howdah_private.quota_counters as c
where not exists (select from howdah.quotas as q where q.id = c.quota_id);
update howdah_private.quota_counters as c
set subject_id = coalesce(q.subject_id, case q.scope when 'tenant' then q.tenant_id else q.id end)
from howdah.quotas as q where q.id = c.quota_id;
create table howdah_private.quota_recounts (
  quota_id uuid primary key,
  after xid8
);
alter table howdah_private.quota_recounts enable row level security, force row level security;
insert into howdah_private.quota_recounts (quota_id)
select distinct c.quota_id from howdah_private.quota_counters as c where c.recount_after is not null;
alter table howdah_private.quota_counters
  drop constraint quota_counters_pkey,
  drop column recount_after,
  add primary key (quota_id, started_at, subject_id);
comment on column howdah_private.quota_counters.subject_id is
  'Whose use it is: the tenant, user, agent, session or API key; the quota itself where it is of all tenants together.';
comment on table howdah_private.quota_recounts is
  'New quotas of tokens and cost: what those have spent who did not see them yet is counted when they are over.';
comment on column howdah_private.quota_recounts.after is
  'A transaction that began when the quota was seen by whoever came: those before it may not have seen it. Null until somebody looked.';

alter table howdah_private.parked_runs add column quota_subject_id uuid;
update howdah_private.parked_runs as p
set quota_subject_id = coalesce(q.subject_id, case q.scope when 'tenant' then q.tenant_id else q.id end)
from howdah.quotas as q where q.id = p.quota_id;
update howdah_private.parked_runs as p set quota_subject_id = p.quota_id
where p.quota_id is not null and p.quota_subject_id is null;
alter table howdah_private.parked_runs
  add constraint a_run_is_parked_for_a_subject_of_the_quota check ((quota_id is null) = (quota_subject_id is null));
drop index howdah_private.parked_runs_quota_id_idx;
create index parked_runs_quota_id_idx on howdah_private.parked_runs
  (quota_id, quota_subject_id, priority, due_at, execution_id) where quota_id is not null;
comment on column howdah_private.parked_runs.quota_subject_id is 'For whose use the quota is used up.';

alter table howdah.quotas force row level security;
alter table howdah_private.quota_counters force row level security;
alter table howdah_private.parked_runs force row level security;

-- Down Migration
-- without policies, which go first on the way down, an owner sees rows only where they are not forced
alter table howdah.quotas no force row level security;
alter table howdah_private.quota_counters no force row level security;
alter table howdah_private.parked_runs no force row level security;
alter table howdah_private.quota_recounts no force row level security;
delete from howdah.quotas where is_per_tenant or (scope not in ('tenant', 'system') and subject_id is null);
delete from howdah_private.parked_runs as p -- their runs are found and woken within a minute
where p.quota_id is not null and not exists (select from howdah.quotas as q where q.id = p.quota_id);
drop index howdah_private.parked_runs_quota_id_idx;
alter table howdah_private.parked_runs
  drop constraint a_run_is_parked_for_a_subject_of_the_quota,
  drop column quota_subject_id;
create index parked_runs_quota_id_idx
  on howdah_private.parked_runs (quota_id, priority, due_at, execution_id) where quota_id is not null;
delete from howdah_private.quota_counters as c
where not exists (select from howdah.quotas as q where q.id = c.quota_id);
alter table howdah_private.quota_counters
  add column recount_after xid8,
  drop constraint quota_counters_pkey,
  drop column subject_id,
  add primary key (quota_id, started_at);
comment on column howdah_private.quota_counters.recount_after is
  'The transaction that made the quota: what those beside it have spent is counted when they are over.';
update howdah_private.quota_counters as c set recount_after = pg_current_xact_id()
from howdah_private.quota_recounts as r where r.quota_id = c.quota_id;
drop table howdah_private.quota_recounts;
alter table howdah.quotas
  drop constraint quotas_tenant_id_scope_subject_id_metric_period_key,
  drop constraint a_quota_per_tenant_is_of_the_system,
  drop constraint a_tenant_and_the_system_have_no_subject,
  drop column is_per_tenant,
  add constraint all_but_a_tenant_and_the_system_have_a_subject
    check ((scope not in ('tenant', 'system')) = (subject_id is not null)),
  add constraint quotas_tenant_id_scope_subject_id_metric_period_key
    unique nulls not distinct (tenant_id, scope, subject_id, metric, period);
comment on constraint quotas_tenant_id_scope_subject_id_metric_period_key on howdah.quotas is
  E'@behavior -*\nOne quota for each; a quota is named by its id.';
comment on column howdah.quotas.subject_id is 'The user, agent, session or API key; none for a tenant or the system.';
alter table howdah.quotas force row level security;
alter table howdah_private.quota_counters force row level security;
alter table howdah_private.parked_runs force row level security;
