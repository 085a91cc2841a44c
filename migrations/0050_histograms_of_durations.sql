-- Up Migration
-- A row of usage_durations is a whole histogram, not one bucket. A histogram of the runs of an agent
-- and day has some 60 buckets, so views read that many fewer rows.
create type howdah_private.histogram as (buckets int[], calls bigint[], micros bigint[]);
comment on type howdah_private.histogram is
  'The buckets in order, the number of values in each, and their sums in microseconds.';
alter table howdah.usage_durations
  add column buckets int[] not null default '{}',
  add column bucket_calls bigint[] not null default '{}',
  add column bucket_micros bigint[] not null default '{}';
alter table howdah.usage_durations no force row level security;
with old as (
  delete from howdah.usage_durations returning *
),
buckets as (
  select o.tenant_id, o.day, o.agent_id, o.agent_version_id, o.workflow_id, o.model_id, o.tool,
    o.bucket, sum(o.calls)::bigint as calls, sum(o.errors)::bigint as errors,
    sum(o.micros)::bigint as micros
  from old as o group by 1, 2, 3, 4, 5, 6, 7, 8
)
insert into howdah.usage_durations (tenant_id, day, agent_id, agent_version_id, workflow_id,
  model_id, tool, bucket, calls, errors, micros, buckets, bucket_calls, bucket_micros)
select b.tenant_id, b.day, b.agent_id, b.agent_version_id, b.workflow_id, b.model_id, b.tool, 0,
  sum(b.calls), sum(b.errors), 0, array_agg(b.bucket order by b.bucket),
  array_agg(b.calls order by b.bucket), array_agg(b.micros order by b.bucket)
from buckets as b group by 1, 2, 3, 4, 5, 6, 7;
alter table howdah.usage_durations force row level security;
-- Views empty as in 0050, until sql/ replaces them. Triggers of checks go with the columns.
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
      where d.refobjid in (to_regprocedure('howdah_private.run_durations()'),
        to_regprocedure('howdah_private.call_durations()')))
    group by c.oid
  loop
    execute format('create or replace view %s as select %s where false',
      v_view.name, v_view.columns);
  end loop;
end $$;
drop function if exists howdah_private.run_durations();
drop function if exists howdah_private.call_durations();
alter table howdah.usage_durations drop column bucket cascade, drop column micros cascade;
comment on table howdah.usage_durations is
  E'@behavior -*\n'
  'Histograms of durations per day: of runs, or of answers of a model or calls of a tool. Several '
  'rows may have the same key. Percentiles of views are computed from the averages of the buckets, '
  'so they are exact to 2 %.';
comment on column howdah.usage_durations.buckets is
  'The buckets in order: the logarithm of the duration in microseconds to the base 1.02, rounded '
  'down.';
comment on column howdah.usage_durations.bucket_calls is
  'Number of runs, answers or calls in each bucket. Negative where a retry takes a run back.';
comment on column howdah.usage_durations.bucket_micros is
  'Sum of the durations in each bucket, in microseconds.';

-- Down Migration
alter table howdah.usage_durations
  add column bucket int not null default 0,
  add column micros bigint not null default 0;
alter table howdah.usage_durations no force row level security;
with old as (
  delete from howdah.usage_durations returning *
)
insert into howdah.usage_durations (tenant_id, day, agent_id, agent_version_id, workflow_id,
  model_id, tool, bucket, calls, errors, micros)
select o.tenant_id, o.day, o.agent_id, o.agent_version_id, o.workflow_id, o.model_id, o.tool,
  b.bucket, b.calls, case b.place when 1 then o.errors else 0 end, b.micros
from old as o
cross join lateral unnest(o.buckets, o.bucket_calls, o.bucket_micros)
  with ordinality as b (bucket, calls, micros, place);
alter table howdah.usage_durations force row level security;
alter table howdah.usage_durations
  alter column bucket drop default, alter column micros drop default,
  drop column buckets, drop column bucket_calls, drop column bucket_micros;
comment on table howdah.usage_durations is
  E'@behavior -*\n'
  'Histograms of durations per day: of runs, or of answers of a model or calls of a tool. '
  'Percentiles of views are computed from the averages of the buckets, so they are exact to 2 %.';
comment on column howdah.usage_durations.micros is 'Sum of their durations, in microseconds.';
comment on column howdah.usage_durations.bucket is
  'Logarithm of the duration in microseconds to the base 1.02, rounded down.';
drop type howdah_private.histogram;
