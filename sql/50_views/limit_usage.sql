create or replace view howdah.limit_usage with (security_invoker = true) as
  select l.tenant_id, l.id as limit_id, l.scope, u.subject_id, coalesce(u.key, l.key) as key,
    l.metric, l.period,
    l.max_value, u.used,
    case when u.used is not null then greatest(l.max_value - u.used, 0) end as remaining,
    u.waiting, u.started_at, u.resets_at
  from howdah.limits as l
  cross join lateral howdah_private.limit_use(l.id) as u;
comment on view howdah.limit_usage is
  E'@foreignKey (limit_id) references howdah.limits (id)|@foreignFieldName usages\n'
  'Current use of each limit. A limit for each has a row for each subject that used something in '
  'the current period or has runs that wait, and has no limit of its own. Use of tokens and cost '
  'may exceed the maximum by the model calls that were in progress.';
comment on column howdah.limit_usage.subject_id is
  'The user, agent, session, API key, model or tool. The tenant for a limit per tenant. Null for '
  'the tenant, a key and the system.';
comment on column howdah.limit_usage.key is
  'The key of the limit; for a limit on each key, a concurrency key in use.';
comment on column howdah.limit_usage.used is
  'Use within the period or the last 60 seconds, or the number of runs or calls in progress now. '
  'Null for a limit over all '
  'tenants, whose figures only an owner of the database sees.';
comment on column howdah.limit_usage.waiting is 'Number of runs that wait at the limit.';
comment on column howdah.limit_usage.started_at is
  'Beginning of the period. Null without a calendar period.';
comment on column howdah.limit_usage.resets_at is
  'Beginning of the next period, in which nothing is used yet. Null without a calendar period.';

create or replace function howdah.limits_usage(l howdah.limits) returns howdah.limit_usage
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select u.* from howdah.limit_usage as u
  where u.limit_id = l.id and not l.is_per_tenant
    and (l.subject_id is not null or l.key is not null or l.scope in ('tenant', 'system'))
$$;
comment on function howdah.limits_usage(howdah.limits) is
  'Current use. Null for a limit for each: see usages.';
