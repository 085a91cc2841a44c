-- Up Migration
-- The rollup of usage also serves limits that are made later, so the three tables of the usage of
-- deleted runs go. usage_totals has their runs and steps, but not the sessions of deleted runs. Of
-- runs that were deleted before the rollup existed (0042), it has neither users nor the agents of
-- steps. Pairs of rows whose sum is zero add them, so no other figure changes.

alter table howdah.usage_totals add column session_id uuid;
create index usage_totals_session_idx
  on howdah.usage_totals (tenant_id, session_id, day) where session_id is not null;
create index usage_totals_user_idx
  on howdah.usage_totals (tenant_id, user_id, day) where user_id is not null;
comment on column howdah.usage_totals.session_id is
  'The session, in a row of runs that were deleted before it. Null in all others, and once the '
  'session is deleted.';
comment on column howdah.usage_totals.user_id is
  'The user of the runs. Null in a row of a tool, and once the user is deleted.';
comment on column howdah.usage_totals.day is
  'Day in UTC on which the runs were inserted, or on which the steps ended.';

alter table howdah.deleted_run_usage no force row level security;
alter table howdah_private.deleted_subject_usage no force row level security;
alter table howdah_private.usage_events no force row level security;
alter table howdah.usage_totals no force row level security;
create temporary table before_rollup on commit drop as -- a row if nothing has been rolled up yet
select where not exists (select from howdah_private.usage_events) and not exists (
  select from howdah.usage_totals as k
  where k.kind is not null and num_nonnulls(k.agent_id, k.workflow_id) > 0);
insert into howdah.usage_totals (tenant_id, day, user_id, session_id, kind, outcome, roots,
  tokens_in, cost)
select k.tenant_id, k.day, case when k.scope = 'user' and p.sign = 1 then k.subject_id end,
  case when k.scope = 'session' and p.sign = 1 then k.subject_id end, p.kind, p.outcome,
  case when p.kind is null then p.sign * k.roots else 0 end, p.sign * k.tokens, p.sign * k.cost
from howdah_private.deleted_subject_usage as k
join (
  values (1, null::howdah.step_kind, 'completed'), (-1, null, 'completed'), (1, 'model', 'ok'),
    (-1, 'model', 'ok')
) as p (sign, kind, outcome) on p.kind is null or k.scope = 'user'
where k.scope = 'session' or exists (select from before_rollup);
insert into howdah.usage_totals (tenant_id, day, agent_id, kind, outcome, tokens_in, tokens_out,
  cost)
select k.tenant_id, k.day, case p.sign when 1 then k.agent_id end, 'model', 'ok',
  p.sign * sum(k.tokens_in), p.sign * sum(k.tokens_out), p.sign * sum(k.cost)
from howdah.deleted_run_usage as k
cross join before_rollup
cross join (values (1), (-1)) as p (sign)
where k.agent_id is not null
group by k.tenant_id, k.day, k.agent_id, p.sign;
alter table howdah.usage_totals force row level security;
alter table howdah_private.usage_events force row level security;

-- Views of an earlier release read the tables. They become empty until sql/ replaces them in this
-- transaction. Dropping them would drop the views of others that read them.
do $$
declare
  v_view record;
begin
  for v_view in
    select c.oid::regclass as name, string_agg(
      format('null::%s as %I', format_type(a.atttypid, a.atttypmod), a.attname),
      ', ' order by a.attnum) as columns
    from pg_class as c
    join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0
    where c.relkind = 'v' and c.relnamespace = 'howdah'::regnamespace and c.oid in (
      select r.ev_class from pg_depend as d join pg_rewrite as r on r.oid = d.objid
      where d.refobjid in
        ('howdah.deleted_run_usage'::regclass, 'howdah.deleted_step_usage'::regclass))
    group by c.oid
  loop
    execute format('create or replace view %s as select %s where false',
      v_view.name, v_view.columns);
  end loop;
end $$;
drop table howdah_private.deleted_subject_usage;
drop table howdah.deleted_step_usage;
drop table howdah.deleted_run_usage;
comment on table howdah_private.closed_months is
  'Months whose partitions are about to be dropped or were dropped. The rollup has their usage.';

-- Down Migration
create table howdah.deleted_run_usage (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  agent_id uuid,
  agent_version_id uuid,
  workflow_id uuid,
  runs bigint not null,
  completed bigint not null,
  failed bigint not null,
  cancelled bigint not null,
  steps bigint not null,
  tokens_in bigint not null,
  tokens_out bigint not null,
  roots bigint not null default 0,
  day date not null,
  cost numeric not null,
  constraint deleted_run_usage_key
    unique nulls not distinct (tenant_id, day, agent_id, agent_version_id, workflow_id),
  constraint deleted_runs_have_ended check (runs = completed + failed + cancelled)
);
create table howdah.deleted_step_usage (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  model_id uuid,
  steps bigint not null,
  errors bigint not null,
  tokens_in bigint not null,
  tokens_out bigint not null,
  day date not null,
  kind howdah.step_kind not null,
  cost numeric not null,
  tool text,
  cached_tokens bigint not null default 0,
  cache_write_tokens bigint not null default 0,
  estimated_steps bigint not null default 0,
  constraint deleted_step_usage_key
    unique nulls not distinct (tenant_id, day, kind, model_id, tool)
);
create table howdah_private.deleted_subject_usage (
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  subject_id uuid not null,
  roots bigint not null,
  tokens bigint not null,
  scope howdah.limit_scope not null,
  day date not null,
  cost numeric not null,
  primary key (tenant_id, scope, subject_id, day),
  constraint scope_is_user_or_session check (scope in ('user', 'session'))
);

-- The usage of deleted runs is what the rollup and its waiting events count beyond the runs that
-- exist. An existing run is among them if counted_steps or the backfill says so.
alter table howdah.usage_totals no force row level security;
alter table howdah_private.usage_events no force row level security;
alter table howdah_private.usage_backfill no force row level security;
alter table howdah.executions no force row level security;
alter table howdah.steps no force row level security;
create temporary table counted_runs on commit drop as
select e.tenant_id, (e.created_at at time zone 'UTC')::date as day, e.agent_id,
  e.agent_version_id, e.workflow_id, e.user_id, e.status::text as outcome, 1 as runs,
  (e.parent_execution_id is null)::int as roots, e.tokens_in::bigint as tokens_in,
  e.tokens_out::bigint as tokens_out, e.step_count - coalesce(e.forked_from_seq, 0) as steps,
  e.cost
from howdah.executions as e cross join howdah_private.usage_backfill as b
where e.completed_at is not null and e.compensates_execution_id is null
  and (e.counted_steps is not null or e.id <= b.counted_to);
insert into howdah.deleted_run_usage (tenant_id, day, agent_id, agent_version_id, workflow_id,
  runs, completed, failed, cancelled, steps, tokens_in, tokens_out, roots, cost)
select g.tenant_id, g.day, g.agent_id, g.agent_version_id, g.workflow_id, sum(g.runs),
  coalesce(sum(g.runs) filter (where g.outcome = 'completed'), 0),
  coalesce(sum(g.runs) filter (where g.outcome = 'failed'), 0),
  coalesce(sum(g.runs) filter (where g.outcome = 'cancelled'), 0),
  sum(g.steps), sum(g.tokens_in), sum(g.tokens_out), sum(g.roots), sum(g.cost)
from (
  select k.tenant_id, k.day, k.agent_id, k.agent_version_id, k.workflow_id, k.outcome, k.runs,
    k.steps, k.tokens_in, k.tokens_out, k.roots, k.cost
  from howdah.usage_totals as k where k.kind is null
  union all
  select u.tenant_id, (u.created_at at time zone 'UTC')::date, u.agent_id, u.agent_version_id,
    u.workflow_id, u.status::text, u.sign, u.sign * u.steps, u.sign * u.tokens_in,
    u.sign * u.tokens_out, u.sign * u.is_root::int, u.sign * u.cost
  from howdah_private.usage_events as u where not u.is_compensation
  union all
  select c.tenant_id, c.day, c.agent_id, c.agent_version_id, c.workflow_id, c.outcome, -c.runs,
    -c.steps, -c.tokens_in, -c.tokens_out, -c.roots, -c.cost
  from counted_runs as c
) as g
group by 1, 2, 3, 4, 5 having sum(g.runs) > 0;
insert into howdah.deleted_step_usage (tenant_id, day, kind, model_id, tool, steps, errors,
  tokens_in, tokens_out, cost, cached_tokens, cache_write_tokens, estimated_steps)
select g.tenant_id, g.day, g.kind, g.model_id, g.tool, sum(g.steps), sum(g.errors),
  sum(g.tokens_in), sum(g.tokens_out), sum(g.cost), sum(g.cached_tokens),
  sum(g.cache_write_tokens), sum(g.estimated_steps)
from (
  select k.tenant_id, k.day, k.kind, k.model_id, k.tool, k.steps, k.errors, k.tokens_in,
    k.tokens_out, k.cost, k.cached_tokens, k.cache_write_tokens, k.estimated_steps
  from howdah.usage_totals as k where k.kind is not null
  union all
  select s.tenant_id, (s.finished_at at time zone 'UTC')::date, s.kind, s.model_id, t.tool, -1,
    -(s.error is not null)::int, -s.tokens_in, -s.tokens_out, -s.cost,
    -r.cached, -least(w.written, s.tokens_in - r.cached),
    -coalesce((s.output #> '{usage,estimated}' = 'true')::int, 0)
  from howdah.executions as e cross join howdah_private.usage_backfill as b
  join howdah.steps as s on s.execution_id = e.id and s.seq > coalesce(e.forked_from_seq, 0)
    and s.seq <= coalesce((
      select min(u.first_seq) from howdah_private.usage_events as u
      where u.execution_id = e.id and u.last_seq > u.first_seq
    ), e.counted_steps, e.step_count)
  cross join lateral (
    select case when s.kind = 'tool' and coalesce(s.call_id <> 'route'
      and s.call_id not like 'plan.%', true) then s.name end
  ) as t (tool)
  cross join lateral ( -- as howdah_private.cached_tokens, which is dropped by now
    select case when s.model_id is not null
        and jsonb_typeof(s.output #> '{usage,cached_tokens}') = 'number'
      then trunc(least(greatest((s.output #> '{usage,cached_tokens}')::numeric, 0), s.tokens_in))
      else 0 end
  ) as r (cached)
  cross join lateral (
    select case when s.model_id is not null
        and jsonb_typeof(s.output #> '{usage,cache_write_tokens}') = 'number'
      then trunc(greatest((s.output #> '{usage,cache_write_tokens}')::numeric, 0)) else 0 end
  ) as w (written)
  where (e.counted_steps is not null or (e.id <= b.counted_to and e.completed_at is not null))
    and (s.model_id is not null or t.tool is not null)
) as g
group by 1, 2, 3, 4, 5 having sum(g.steps) > 0;
insert into howdah_private.deleted_subject_usage (tenant_id, scope, subject_id, day, roots, tokens,
  cost)
select g.tenant_id, g.scope::howdah.limit_scope, g.id, g.day, sum(g.roots), sum(g.tokens),
  sum(g.cost)
from (
  select k.tenant_id, 'session' as scope, k.session_id as id, k.day, k.roots,
    k.tokens_in + k.tokens_out as tokens, k.cost
  from howdah.usage_totals as k where k.kind is null
  union all
  select k.tenant_id, 'user', k.user_id, k.day, k.roots, k.tokens_in + k.tokens_out, k.cost
  from howdah.usage_totals as k where k.kind is null
  union all
  select u.tenant_id, 'user', e.user_id, (u.created_at at time zone 'UTC')::date,
    u.sign * u.is_root::int, u.sign * (u.tokens_in + u.tokens_out), u.sign * u.cost
  from howdah_private.usage_events as u
  join howdah.executions as e on e.id = u.execution_id
  where not u.is_compensation
  union all
  select c.tenant_id, 'user', c.user_id, c.day, -c.roots, -(c.tokens_in + c.tokens_out), -c.cost
  from counted_runs as c
) as g
where g.id is not null
group by 1, 2, 3, 4 having sum(g.roots) > 0 or sum(g.tokens) > 0;
alter table howdah.usage_totals force row level security;
alter table howdah_private.usage_events force row level security;
alter table howdah_private.usage_backfill force row level security;
alter table howdah.executions force row level security;
alter table howdah.steps force row level security;

alter table howdah.deleted_run_usage enable row level security, force row level security;
alter table howdah.deleted_step_usage enable row level security, force row level security;
alter table howdah_private.deleted_subject_usage
  enable row level security, force row level security;
comment on table howdah.deleted_run_usage is
  E'@behavior -*\n'
  'Rollup of deleted runs per day and agent version or workflow. Limits made later count it. Views '
  'read usage_totals.';
comment on column howdah.deleted_run_usage.agent_version_id is
  'Pinned version of the runs. Null for workflows.';
comment on column howdah.deleted_run_usage.steps is
  'Number of steps, without steps that forks share with their originals.';
comment on column howdah.deleted_run_usage.roots is
  'Number of root runs. Limits made later count them.';
comment on column howdah.deleted_run_usage.day is 'Day in UTC on which the runs were inserted.';
comment on constraint deleted_run_usage_key
  on howdah.deleted_run_usage is
  E'@behavior -*\n'
  'One row per combination; further deletions add to it.';
comment on table howdah.deleted_step_usage is
  E'@behavior -*\n'
  'Rollup of steps of deleted runs per day and model or tool, for releases without usage_totals.';
comment on column howdah.deleted_step_usage.steps is
  'Number of steps, without steps that forks share with their originals.';
comment on column howdah.deleted_step_usage.errors is 'Number of these steps with an error.';
comment on column howdah.deleted_step_usage.day is 'Day in UTC on which the steps began.';
comment on constraint deleted_step_usage_key on howdah.deleted_step_usage is
  E'@behavior -*\nOne row per combination; further deletions add to it.';
comment on column howdah.deleted_step_usage.cached_tokens is
  'Input tokens that providers read from their prompt caches; a part of tokens_in.';
comment on column howdah.deleted_step_usage.cache_write_tokens is
  'Input tokens that providers wrote to their prompt caches; a part of tokens_in.';
comment on column howdah.deleted_step_usage.estimated_steps is
  'Number of these steps whose tokens are estimated, since the vendor reported no counts.';
comment on table howdah_private.deleted_subject_usage is
  'Rollup of deleted runs per user or session and day. Limits made later count it. Deleted with '
  'the user or session.';
comment on column howdah_private.deleted_subject_usage.subject_id is 'User or session of the runs.';
comment on column howdah_private.deleted_subject_usage.roots is
  'Number of runs, without children and compensations.';
comment on column howdah_private.deleted_subject_usage.tokens is
  'Input and output tokens, children included.';
comment on column howdah_private.deleted_subject_usage.scope is 'user or session.';
comment on column howdah_private.deleted_subject_usage.day is
  'Day in UTC on which the runs were inserted.';
comment on table howdah_private.closed_months is
  'Months whose partitions are about to be dropped or were dropped. deleted_run_usage and '
  'deleted_step_usage count their runs; no other view includes them.';
comment on column howdah.usage_totals.day is
  'Day in UTC on which the runs were inserted, or on which the steps began.';
comment on column howdah.usage_totals.user_id is
  'The user of the runs. Null in a row of a tool. Names nobody once the user is deleted.';
drop index howdah.usage_totals_session_idx, howdah.usage_totals_user_idx;
alter table howdah.usage_totals drop column session_id;
